import uuid

from django.db import transaction
from django.db.models import Max

from dcm.lib.errors import NotFound
from projects.models import Request, Task
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
    request = Request.objects.select_for_update(no_key=True).filter(id=request_id).first()
    if request is None:
        raise RequestNotFound(f"Request not found: {request_id}")
    if wave_number is None:
        last = request.tasks.aggregate(last=Max("wave_number"))["last"]
        wave_number = 0 if last is None else last + 1
    task = Task(request=request, wave_number=wave_number)
    task.name = f"Wave {wave_number}" if name is None else name
    set_status(task, status)
    task.save(force_insert=True)
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
    task.save(update_fields=["status", "completed_at", "name"])
    _announce(task, [TaskUpdated] if status is None else _EVENTS_OF_STATUS[status])
    return task


@transaction.atomic
def delete_task(task_id: uuid.UUID) -> None:
    """Delete the task and all below it. Publishes task.deleted. Raises TaskNotFound."""
    task = _locked(task_id)
    Task.objects.filter(id=task_id).delete()
    _announce(task, [TaskDeleted])


def _locked(task_id: uuid.UUID) -> Task:
    tasks = Task.objects.select_related("request").select_for_update(no_key=True, of=("self",))
    task = tasks.filter(id=task_id).first()
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
