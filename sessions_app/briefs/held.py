"""Leases that bear on an agent's work: of others on files that it has to do with, and its own that
are about to end."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.utils import timezone

from dcm.lib.statements import fetch
from projects.models import Lease, Project
from projects.path_patterns import key_of, overlap, path_in_project
from sessions_app.briefs import weights
from sessions_app.briefs.budget import mark
from sessions_app.briefs.items import LONGEST_CONTENT, LONGEST_ID, Item, one_line
from sessions_app.briefs.material import Material, Wanted

SOON = timedelta(minutes=5)
MOST_LEASES = 10
MOST_FILES = 100
_COLUMNS = ("id", "agent_id", "pattern", "key", "is_implicit", "reason", "expires_at")
_HELD = f"""
SELECT {", ".join(_COLUMNS)} FROM projects_lease lease
WHERE project_id = %(project)s AND expires_at > clock_timestamp() AND CASE
  WHEN agent_id = %(agent)s THEN NOT is_implicit AND expires_at < %(soon)s
  ELSE agent_id <> %(session)s AND EXISTS (
    SELECT FROM unnest(%(files)s::text[]) AS file(key) WHERE file.key || '/' LIKE lease.likeness)
END
ORDER BY agent_id <> %(agent)s, expires_at, id LIMIT 100
"""  # noqa: S608  constants of ours


def leases_bearing_on(
    wanted: Wanted, project: Project | None, paths: Collection[str]
) -> list[Lease]:
    """Its own first, the sooner they end the earlier. paths: of files, as tools were told."""
    if project is None:
        return []
    inside = [
        path_in_project(path, project_path=project.path, folder=project.path)
        for path in list(dict.fromkeys(paths))[:MOST_FILES]
    ]
    keys = [key_of(path) for path in inside if path]
    asked: dict[str, Any] = {
        "project": project.id,
        "agent": wanted.agent_id,
        "session": wanted.session_id,
        "files": keys,
        "soon": timezone.now() + SOON,
    }
    return [
        lease
        for lease in [Lease(**dict(zip(_COLUMNS, row, strict=True))) for row in fetch(_HELD, asked)]
        if lease.agent_id == wanted.agent_id
        or any(overlap(lease.key, k, is_file=lease.is_implicit, other_is_file=True) for k in keys)
    ][:MOST_LEASES]


def lease_items(wanted: Wanted, material: Material) -> list[Item]:
    return [_item(lease, is_own=lease.agent_id == wanted.agent_id) for lease in material.leases]


def _item(lease: Lease, *, is_own: bool) -> dict[str, Any]:
    return {
        "mark": mark(weights.LEASE if is_own else weights.CONFLICT),
        "is_own": is_own,
        "pattern": one_line(lease.pattern, LONGEST_CONTENT),
        "by": one_line(lease.agent_id, LONGEST_ID),
        "until": f"{lease.expires_at:%H:%M} UTC",
        "reason": one_line(lease.reason or "", LONGEST_CONTENT),
    }
