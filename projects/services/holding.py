"""Rows of the work tree that are locked until the commit, each with those above it.

Of what a caller does not see there is none. Whatever else is asked meanwhile travels along.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model

from dcm.lib.keys.limits import limits, of_caller
from dcm.lib.postgresql.base import Queued
from dcm.lib.rows import columns, part, row
from dcm.lib.statements import ask
from projects.models import Claim, Request, Subtask, Task

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Held(Generic[M]):
    _queued: Queued
    _read: Callable[[tuple[Any, ...]], M]

    @property
    def row(self) -> M | None:
        """Looking at it makes the trip to the database."""
        return next(map(self._read, self._queued.values), None)


def hold_request(request_id: uuid.UUID) -> Held[Request]:
    return Held(_hold(_REQUEST, request_id), lambda values: row(Request, values))


def hold_task(task_id: uuid.UUID) -> Held[Task]:
    return Held(_hold(_TASK, task_id), _task)


def hold_subtask(subtask_id: uuid.UUID) -> Held[Subtask]:
    return Held(_hold(_SUBTASK, subtask_id), _subtask)


def hold_claim(subtask_id: uuid.UUID) -> Held[Claim]:
    """That on a subtask that is held."""
    return Held(_hold(_CLAIM, subtask_id), lambda values: row(Claim, values))


def _hold(statement: str, id_: uuid.UUID) -> Queued:
    return ask(statement, {"id": id_, "projects": limits()})


_SEEN = of_caller("r.project_id")
_REQUEST = f"""
SELECT {columns(Request, "r")} FROM projects_request r
WHERE r.id = %(id)s AND {_SEEN} FOR NO KEY UPDATE
"""  # noqa: S608  names of ours
_TASK = f"""
SELECT r.session_id, r.project_id, {columns(Task, "t")}
FROM projects_task t JOIN projects_request r ON r.id = t.request_id
WHERE t.id = %(id)s AND {_SEEN} FOR NO KEY UPDATE OF t
"""  # noqa: S608  names of ours
_SUBTASK = f"""
SELECT r.session_id, r.project_id, t.request_id, {columns(Subtask, "s")}
FROM projects_subtask s JOIN projects_task t ON t.id = s.task_id
JOIN projects_request r ON r.id = t.request_id
WHERE s.id = %(id)s AND {_SEEN} FOR NO KEY UPDATE OF s
"""  # noqa: S608  names of ours
_CLAIM = f"""
SELECT {columns(Claim, "c")} FROM projects_claim c WHERE c.subtask_id = %(id)s FOR UPDATE
"""  # noqa: S608  names of ours


def _task(values: tuple[Any, ...]) -> Task:
    session_id, project_id, *own = values
    task = row(Task, own)
    above = {"id": task.request_id, "session_id": session_id, "project_id": project_id}
    task.request = part(Request, above)
    return task


def _subtask(values: tuple[Any, ...]) -> Subtask:
    session_id, project_id, request_id, *own = values
    subtask = row(Subtask, own)
    above = {"id": request_id, "session_id": session_id, "project_id": project_id}
    subtask.task = part(Task, {"id": subtask.task_id, "request_id": request_id})
    subtask.task.request = part(Request, above)
    return subtask
