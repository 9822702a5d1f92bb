import uuid
from typing import Any

from django.db import connection, transaction

from dcm.lib import wire
from dcm.lib.errors import NotFound
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


_UPSERT = """
INSERT INTO projects_project (id, path, name, metadata, created_at, updated_at)
VALUES (%(id)s, %(path)s, %(name)s, %(metadata)s::jsonb, now(), now())
ON CONFLICT (path) DO UPDATE SET
  name = COALESCE(EXCLUDED.name, projects_project.name),
  metadata = projects_project.metadata || EXCLUDED.metadata,
  updated_at = EXCLUDED.updated_at
RETURNING *
"""


def upsert_project(
    *, path: str, name: str | None = None, metadata: dict[str, Any] | None = None
) -> Project:
    """The project of this path, made or refreshed; metadata is merged, new keys win."""
    parameters = {
        "id": uuid.uuid4(),
        "path": tidy_path(path),
        "name": name,
        "metadata": wire.dump(metadata or {}).decode(),
    }
    return Project.objects.raw(_UPSERT, parameters)[0]


_HOLD_REQUESTS = "SELECT FROM projects_request WHERE project_id = %s ORDER BY id FOR UPDATE"


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
