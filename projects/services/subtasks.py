import uuid
from collections.abc import Collection
from typing import Any

from django.db import transaction

from dcm.lib.deadlocks import again_after_deadlock
from dcm.lib.errors import NotFound
from dcm.lib.rows import insert, update
from projects.models import Subtask
from projects.services.claim_book import check_token, end_claim
from projects.services.dependencies import (
    check_no_cycle,
    free_dependents,
    hold_dependencies,
    known_blockers,
)
from projects.services.holding import Held, hold_claim, hold_subtask, hold_task
from projects.services.status import set_status
from projects.services.subtask_events import EVENTS_OF_STATUS, told
from projects.services.tasks import TaskNotFound
from realtime.events import SubtaskCreated, SubtaskDeleted, SubtaskUpdated
from realtime.publish import append


class SubtaskNotFound(NotFound):
    message = "Subtask not found"


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
    is_claimable: bool = True,
    id: uuid.UUID | None = None,  # noqa: A002
) -> Subtask:
    """One agent's share of a wave. id: one that was not there before.

    is_claimable: not when an agent host sees to it. Publishes subtask.created. Raises
    TaskNotFound, UnknownBlockers.
    """
    # Held until the commit, so that the task is not deleted meanwhile.
    task = hold_task(task_id).row
    if task is None:
        raise TaskNotFound(f"Task not found: {task_id}")
    subtask = Subtask(
        id=id or uuid.uuid4(),
        task=task,
        description=description,
        agent_type=agent_type,
        agent_id=agent_id,
        blocked_by=known_blockers(blocked_by),
        context_snapshot=context_snapshot,
        is_claimable=is_claimable,
    )
    set_status(subtask, status)
    insert(subtask)
    append(told(subtask, [SubtaskCreated]))
    return subtask


@again_after_deadlock
@transaction.atomic
def update_subtask(
    subtask_id: uuid.UUID,
    *,
    status: str | None = None,
    agent_id: str | None = None,
    blocked_by: Collection[uuid.UUID] | None = None,
    result: dict[str, Any] | None = None,
    token: int | None = None,
) -> Subtask:
    """Apply what is given; what is not stays. Contract: rest R14.

    token: of the claim under which this was worked out, which must not be lost. A claim is over
    when the subtask is, when it is pending again, or another agent's; else what is said of the
    subtask renews it. Publishes subtask.updated, subtask.<status> or both, claim.released; and
    subtask.ready for what waited for a subtask that is completed now. Raises SubtaskNotFound,
    UnknownBlockers, DependencyCycle, ClaimLost.
    """
    if blocked_by:
        hold_dependencies()
    held, claimed = hold_subtask(subtask_id), hold_claim(subtask_id)
    subtask, claim = _found(held), claimed.row
    check_token(claim, token)
    was_completed = subtask.status == Subtask.Status.COMPLETED
    if status is not None:
        set_status(subtask, status)
    if agent_id is not None:
        subtask.agent_id = agent_id
    if blocked_by is not None:
        subtask.blocked_by = known_blockers(blocked_by)
        check_no_cycle(subtask_id, subtask.blocked_by)
    if result is not None:
        subtask.result = result
    update(subtask, "status", "started_at", "completed_at", "agent_id", "blocked_by", "result")
    ended = end_claim(subtask, claim, status=status)
    completed = status == Subtask.Status.COMPLETED and not was_completed
    freed = free_dependents(subtask) if completed else []
    kinds = [SubtaskUpdated] if status is None else EVENTS_OF_STATUS[status]
    append([*told(subtask, kinds), *ended, *freed])
    return subtask


@again_after_deadlock
@transaction.atomic
def delete_subtask(subtask_id: uuid.UUID) -> None:
    """Delete the subtask and its actions. Nobody waits for it any more.

    Publishes subtask.deleted, and subtask.ready for what waited for it alone. Raises
    SubtaskNotFound.
    """
    subtask = _found(hold_subtask(subtask_id))
    freed = free_dependents(subtask)
    Subtask.objects.filter(id=subtask_id).delete()
    append([*told(subtask, [SubtaskDeleted]), *freed])


def _found(held: Held[Subtask]) -> Subtask:
    subtask = held.row
    if subtask is None:
        raise SubtaskNotFound
    return subtask
