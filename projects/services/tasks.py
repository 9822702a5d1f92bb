import uuid

from django.db import transaction

from dcm.lib.deadlocks import again_after_deadlock
from dcm.lib.errors import NotFound
from dcm.lib.rows import insert, update
from dcm.lib.statements import ask
from projects.models import Task
from projects.services.holding import hold_request, hold_task
from projects.services.requests import RequestNotFound
from projects.services.status import set_status
from realtime.channel_names import GLOBAL, session_channel
from realtime.events import (
    TaskBlocked,
    TaskCompleted,
    TaskCreated,
    TaskDeleted,
    TaskEvent,
    TaskFailed,
    TaskPending,
    TaskRunning,
    TaskUpdated,
)
from realtime.publish import publish_all


class TaskNotFound(NotFound):
    message = "Task not found"


# Clients of the README wait for *.updated, those of the original for the status. Contract: W10.
_EVENTS_OF_STATUS: dict[str, list[type[TaskEvent]]] = {
    Task.Status.PENDING: [TaskUpdated, TaskPending],
    Task.Status.RUNNING: [TaskUpdated, TaskRunning],
    Task.Status.BLOCKED: [TaskUpdated, TaskBlocked],
    Task.Status.COMPLETED: [TaskCompleted],
    Task.Status.FAILED: [TaskFailed],
}


_LAST_WAVE = "SELECT max(wave_number) FROM projects_task WHERE request_id = %(request_id)s"


@transaction.atomic
def create_task(
    *,
    request_id: uuid.UUID,
    name: str | None = None,
    wave_number: int | None = None,
    status: str = Task.Status.PENDING,
) -> Task:
    """The next wave of a request, or the one with the number given.

    Publishes task.created. Raises RequestNotFound.
    """
    # Locked, so that waves created at once are numbered one after another.
    held, last_wave = hold_request(request_id), ask(_LAST_WAVE, {"request_id": request_id})
    request = held.row
    if request is None:
        raise RequestNotFound(f"Request not found: {request_id}")
    if wave_number is None:
        ((last,),) = last_wave.values
        wave_number = 0 if last is None else last + 1
    task = Task(request=request, wave_number=wave_number)
    task.name = f"Wave {wave_number}" if name is None else name
    set_status(task, status)
    insert(task)
    _announce(task, [TaskCreated])
    return task


@transaction.atomic
def update_task(task_id: uuid.UUID, *, status: str | None = None, name: str | None = None) -> Task:
    """Publishes task.updated, task.<status> or both. Raises TaskNotFound."""
    task = _locked(task_id)
    if status is not None:
        set_status(task, status)
    if name is not None:
        task.name = name
    update(task, "status", "completed_at", "name")
    _announce(task, [TaskUpdated] if status is None else _EVENTS_OF_STATUS[status])
    return task


@again_after_deadlock
@transaction.atomic
def delete_task(task_id: uuid.UUID) -> None:
    """Delete the task and all below it. Publishes task.deleted. Raises TaskNotFound."""
    task = _locked(task_id)
    Task.objects.filter(id=task_id).delete()
    _announce(task, [TaskDeleted])


def _locked(task_id: uuid.UUID) -> Task:
    task = hold_task(task_id).row
    if task is None:
        raise TaskNotFound
    return task


def _announce(task: Task, kinds: list[type[TaskEvent]]) -> None:
    session_id = task.request.session_id
    events = [
        kind(
            id=task.id,
            request_id=task.request_id,
            wave_number=task.wave_number,
            status=task.status,
            session_id=session_id,
        )
        for kind in kinds
    ]
    publish_all([(event, [GLOBAL, session_channel(session_id)]) for event in events])
