import uuid
from collections.abc import Collection
from typing import Any

from django.db import transaction

from dcm.lib.errors import DomainError, NotFound
from projects.models import Subtask, Task
from projects.services.status import set_status
from projects.services.tasks import TaskNotFound
from realtime.channel_names import GLOBAL, agent_channel, session_channel
from realtime.events import (
    SubtaskBlocked,
    SubtaskCompleted,
    SubtaskCreated,
    SubtaskDeleted,
    SubtaskEvent,
    SubtaskFailed,
    SubtaskPaused,
    SubtaskPending,
    SubtaskRunning,
    SubtaskUpdated,
)
from realtime.publish import publish_all


class SubtaskNotFound(NotFound):
    message = "Subtask not found"


class UnknownBlockers(DomainError):
    message = "One or more blocking subtask IDs not found"


_EVENTS_OF_STATUS: dict[str, list[type[SubtaskEvent]]] = {
    Subtask.Status.PENDING: [SubtaskUpdated, SubtaskPending],
    Subtask.Status.RUNNING: [SubtaskUpdated, SubtaskRunning],
    Subtask.Status.PAUSED: [SubtaskUpdated, SubtaskPaused],
    Subtask.Status.BLOCKED: [SubtaskUpdated, SubtaskBlocked],
    Subtask.Status.COMPLETED: [SubtaskCompleted],
    Subtask.Status.FAILED: [SubtaskFailed],
}


@transaction.atomic
def create_subtask(
    *,
    task_id: uuid.UUID,
    description: str,
    agent_type: str | None = None,
    agent_id: str | None = None,
    status: str = Subtask.Status.PENDING,
    blocked_by: Collection[uuid.UUID] = (),
    context_snapshot: dict[str, Any] | None = None,
    id: uuid.UUID | None = None,  # noqa: A002
) -> Subtask:
    """One agent's share of a wave. id: one that was not there before.

    Publishes subtask.created. Raises TaskNotFound, UnknownBlockers.
    """
    # Held until the commit, so that the task is not deleted meanwhile.
    task = (
        Task.objects.select_related("request")
        .select_for_update(no_key=True, of=("self",))
        .filter(id=task_id)
        .first()
    )
    if task is None:
        raise TaskNotFound(f"Task not found: {task_id}")
    subtask = Subtask(
        id=id or uuid.uuid4(),
        task=task,
        description=description,
        agent_type=agent_type,
        agent_id=agent_id,
        blocked_by=_known(blocked_by),
        context_snapshot=context_snapshot,
    )
    set_status(subtask, status)
    subtask.save(force_insert=True)
    _announce(subtask, [SubtaskCreated])
    return subtask


@transaction.atomic
def update_subtask(
    subtask_id: uuid.UUID,
    *,
    status: str | None = None,
    agent_id: str | None = None,
    blocked_by: Collection[uuid.UUID] | None = None,
    result: dict[str, Any] | None = None,
) -> Subtask:
    """Apply what is given; what is not stays. Contract: rest R14.

    Publishes subtask.updated, subtask.<status> or both. Raises SubtaskNotFound, UnknownBlockers.
    """
    subtask = _locked(subtask_id)
    if status is not None:
        set_status(subtask, status)
    if agent_id is not None:
        subtask.agent_id = agent_id
    if blocked_by is not None:
        subtask.blocked_by = _known(blocked_by)
    if result is not None:
        subtask.result = result
    subtask.save(
        update_fields=["status", "started_at", "completed_at", "agent_id", "blocked_by", "result"]
    )
    _announce(subtask, [SubtaskUpdated] if status is None else _EVENTS_OF_STATUS[status])
    return subtask


@transaction.atomic
def delete_subtask(subtask_id: uuid.UUID) -> None:
    """Delete the subtask and its actions. Publishes subtask.deleted. Raises SubtaskNotFound."""
    subtask = _locked(subtask_id)
    Subtask.objects.filter(id=subtask_id).delete()
    _announce(subtask, [SubtaskDeleted])


def _locked(subtask_id: uuid.UUID) -> Subtask:
    subtasks = Subtask.objects.select_related("task__request")
    subtask = subtasks.select_for_update(no_key=True, of=("self",)).filter(id=subtask_id).first()
    if subtask is None:
        raise SubtaskNotFound
    return subtask


def _known(blockers: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """These ids, each once. Raises UnknownBlockers when one is no subtask."""
    wanted = list(dict.fromkeys(blockers))
    if wanted and Subtask.objects.filter(id__in=wanted).count() < len(wanted):
        raise UnknownBlockers
    return wanted


def _announce(subtask: Subtask, kinds: list[type[SubtaskEvent]]) -> None:
    session_id = subtask.task.request.session_id
    agents = [name for name in (subtask.agent_type, subtask.agent_id) if name]
    channels = [GLOBAL, *map(agent_channel, agents), session_channel(session_id)]
    events = [
        kind(
            id=subtask.id,
            task_list_id=subtask.task_id,
            agent_type=subtask.agent_type,
            agent_id=subtask.agent_id,
            status=subtask.status,
            session_id=session_id,
        )
        for kind in kinds
    ]
    publish_all([(event, channels) for event in events])
