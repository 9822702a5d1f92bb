"""Which leases of others speak against changes of files, without taking any. Decision 0014."""

import uuid
from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from django.db import connection

from projects.models import Lease, LeaseBook, Project
from projects.path_patterns import key_of, overlap, path_in_project
from projects.services.edits import opponents
from projects.services.projects import ProjectNotFound


class Against(NamedTuple):
    """path: as it was given. lease: the first that speaks against a change of it."""

    path: str
    lease: Lease


_NEAR = """
SELECT path.key, lease.id FROM unnest(%s::text[]) AS path(key)
JOIN projects_lease lease ON lease.project_id = %s AND path.key || '/' LIKE lease.likeness
WHERE lease.expires_at > clock_timestamp()
"""


def check_paths(
    *,
    project_id: uuid.UUID,
    agent_id: str,
    paths: Collection[str],
    session_id: str | None = None,
) -> tuple[str, list[Against]]:
    """The project's lease mode, and what speaks against; nothing does where leases are off.

    paths: of files, absolute or from the project on; those outside are nobody's. Raises
    ProjectNotFound.
    """
    project = Project.objects.filter(id=project_id).first()
    if project is None:
        raise ProjectNotFound
    book = LeaseBook.objects.filter(project_id=project_id).first()
    mode = book.mode if book else LeaseBook.Mode.WARN
    if mode == LeaseBook.Mode.OFF:
        return mode, []
    keys = {}
    for path in dict.fromkeys(paths):
        inside = path_in_project(path, project_path=project.path, folder=project.path)
        if inside:
            keys[path] = key_of(inside)
    near = _near(project_id, set(keys.values()))
    against = []
    for path, key in keys.items():
        met = [
            lease
            for lease in near[key]
            if overlap(lease.key, key, is_file=lease.is_implicit, other_is_file=True)
        ]
        against += [
            Against(path, lease) for lease in opponents(met, agent_id, session_id or agent_id)[:1]
        ]
    return mode, against


def _near(project_id: uuid.UUID, keys: Collection[str]) -> dict[str, list[Lease]]:
    found: dict[str, list[Lease]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, [sorted(keys), project_id])
        rows = cursor.fetchall()
    leases = Lease.objects.in_bulk({lease_id for _, lease_id in rows})
    for key, lease_id in rows:
        if lease_id in leases:
            found[key].append(leases[lease_id])
    return found
