"""In which project an action was, for scores per project."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Protocol

from dcm.lib import wire
from dcm.lib.statements import query
from projects.services.projects import tidy_path


class Placed(Protocol):
    @property
    def subtask_id(self) -> uuid.UUID | None: ...
    @property
    def project_path(self) -> str | None: ...


_BY_SUBTASK = """
SELECT s.id, r.project_id FROM projects_subtask s JOIN projects_task t ON t.id = s.task_id
JOIN projects_request r ON r.id = t.request_id
WHERE s.id IN (SELECT json_array_elements_text($1::json)::uuid)
"""
# Held until the commit. One that is locked is being deleted; waiting for it could deadlock.
_BY_PATH = """
SELECT path, id FROM projects_project WHERE path IN (SELECT json_array_elements_text($1::json))
FOR KEY SHARE SKIP LOCKED
"""


def projects_of(actions: Mapping[uuid.UUID, Placed]) -> dict[uuid.UUID, uuid.UUID]:
    """Action -> project: that of its subtask, which the caller holds, else of its path."""
    by_subtask = _looked_up(_BY_SUBTASK, (str(each.subtask_id or "") for each in actions.values()))
    paths = {
        id_: tidy_path(each.project_path) if each.project_path else ""
        for id_, each in actions.items()
    }
    by_path = _looked_up(_BY_PATH, paths.values())
    found = {
        id_: by_subtask.get(str(each.subtask_id)) or by_path.get(paths[id_])
        for id_, each in actions.items()
    }
    return {id_: uuid.UUID(project) for id_, project in found.items() if project is not None}


def _looked_up(statement: str, keys: Iterable[str]) -> dict[str | None, str | None]:
    wanted = sorted({key for key in keys if key})
    return dict(query(statement, wire.dump(wanted).decode())) if wanted else {}  # type: ignore[arg-type]
