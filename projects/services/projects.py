import uuid
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, transaction

from dcm.lib import wire
from dcm.lib.batcher import Batcher
from dcm.lib.deadlocks import again_after_deadlock
from dcm.lib.errors import NotFound
from dcm.lib.statements import fetch_each
from projects.models import Project, Request
from projects.signals import project_deleting
from realtime.channel_names import GLOBAL
from realtime.events import ProjectDeleted
from realtime.publish import publish
from routing.services import forget_project


class ProjectNotFound(NotFound):
    message = "Project not found"


def tidy_path(path: str) -> str:
    """The path without trailing slashes; "/" stays "/". Contract: rest R15."""
    return path.rstrip("/") or "/"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewProject:
    """A working directory, and what is known of it. name: None leaves it as it is."""

    path: str
    name: str | None = None
    metadata: dict[str, Any] | None = None


_COLUMNS = ("id", "path", "name", "created_at", "updated_at", "metadata")
_UPSERT = f"""
INSERT INTO projects_project (id, path, name, metadata, created_at, updated_at)
VALUES (%(id)s, %(path)s, %(name)s, %(metadata)s::jsonb, now(), now())
ON CONFLICT (path) DO UPDATE SET
  name = COALESCE(EXCLUDED.name, projects_project.name),
  metadata = projects_project.metadata || EXCLUDED.metadata,
  updated_at = EXCLUDED.updated_at
RETURNING {", ".join(_COLUMNS)}
"""  # noqa: S608  constants of ours


def upsert_projects(wanted: list[NewProject]) -> list[Project]:
    """The projects of these paths, made or refreshed; metadata is merged, new keys win."""
    # In order of their paths, as everybody locks them.
    order = sorted(range(len(wanted)), key=lambda place: tidy_path(wanted[place].path))
    rows = fetch_each([(_UPSERT, _parameters(wanted[place])) for place in order])
    made = {place: _project(row) for place, (row,) in zip(order, rows, strict=True)}
    return [made[place] for place in range(len(wanted))]


def _parameters(wanted: NewProject) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "path": tidy_path(wanted.path),
        "name": wanted.name,
        "metadata": wire.dump(wanted.metadata or {}).decode(),
    }


def _project(row: tuple[Any, ...]) -> Project:
    *columns, metadata = row
    return Project.from_db(DEFAULT_DB_ALIAS, _COLUMNS, (*columns, wire.load(metadata)))


def upsert_project(
    *, path: str, name: str | None = None, metadata: dict[str, Any] | None = None
) -> Project:
    """The same for one."""
    return upsert_projects([NewProject(path=path, name=name, metadata=metadata)])[0]


upserter: Batcher[NewProject, Project] = Batcher(upsert_projects)
"""For the event loop: those that come at the same time cost one transaction."""


_HOLD_REQUESTS = "SELECT FROM projects_request WHERE project_id = %s ORDER BY id FOR UPDATE"


@again_after_deadlock
@transaction.atomic
def delete_project(project_id: uuid.UUID) -> None:
    """Delete the project and all below it. Publishes project.deleted. Raises ProjectNotFound."""
    if not Project.objects.select_for_update().filter(id=project_id).exists():
        raise ProjectNotFound
    # Top down and in order of their ids, as everybody locks them.
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_REQUESTS, [project_id])
    Request.objects.filter(project_id=project_id).delete()
    forget_project(project_id)
    project_deleting.send(Project, project_id=project_id)
    Project.objects.filter(id=project_id).delete()
    publish(ProjectDeleted(id=project_id), to=[GLOBAL])
