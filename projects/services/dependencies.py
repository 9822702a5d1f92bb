"""Which subtask waits for which: never in a circle, and who waited is told when it may begin."""

import uuid
from collections.abc import Collection, Mapping, Sequence

from django.db import connection

from dcm.lib.errors import Conflict, DomainError
from projects.models import Claim, Subtask
from projects.services.status import set_status
from projects.services.subtask_events import EVENTS_OF_STATUS, told
from projects.signals import subtasks_ready
from realtime.events import SubtaskReady
from realtime.publish import Addressed


class UnknownBlockers(DomainError):
    message = "One or more blocking subtask IDs not found"


class DependencyCycle(Conflict):
    """`cycle` holds the ids, each of which would wait for the next; the last is the first."""

    message = "Subtasks would wait for each other"

    def __init__(self, cycle: Sequence[uuid.UUID]) -> None:
        super().__init__(message=" waits for ".join(map(str, cycle)), cycle=list(cycle))


# --- who waits for what -----------------------------------------------------------------------


def hold_dependencies() -> None:
    """Until the commit nobody else makes subtasks wait. Before any row is locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


_LOCK = 0x64636D01  # "dcm" and a number: nobody else's


def known_blockers(blockers: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """These ids, each once. Raises UnknownBlockers when one is no subtask."""
    wanted = list(dict.fromkeys(blockers))
    if wanted and Subtask.objects.filter(id__in=wanted).count() < len(wanted):
        raise UnknownBlockers
    return wanted


def check_no_cycle(subtask_id: uuid.UUID, blockers: Collection[uuid.UUID]) -> None:
    """Whether it may wait for these; dependencies are held. Raises DependencyCycle."""
    with connection.cursor() as cursor:
        cursor.execute(_AWAITED, [list(blockers)])
        awaits: dict[uuid.UUID, list[uuid.UUID]] = dict(cursor.fetchall())
    way = _way_to(subtask_id, blockers, awaits)
    if way is not None:
        raise DependencyCycle([subtask_id, *way])


_AWAITED = """
WITH RECURSIVE awaited(id) AS (
  SELECT unnest(%s::uuid[])
  UNION
  SELECT unnest(s.blocked_by) FROM awaited JOIN projects_subtask s ON s.id = awaited.id
)
SELECT s.id, s.blocked_by FROM awaited JOIN projects_subtask s ON s.id = awaited.id
"""


def _way_to(
    end: uuid.UUID,
    starts: Collection[uuid.UUID],
    awaits: Mapping[uuid.UUID, Collection[uuid.UUID]],
) -> list[uuid.UUID] | None:
    """A shortest way, with both ends; None when there is none."""
    came_from: dict[uuid.UUID, uuid.UUID | None] = dict.fromkeys(starts)
    todo = list(starts)
    for here in todo:  # it grows meanwhile
        if here == end:
            way = [here]
            while (before := came_from[way[0]]) is not None:
                way.insert(0, before)
            return way
        for there in awaits.get(here, ()):
            if there not in came_from:
                came_from[there] = here
                todo.append(there)
    return None


# --- when it is over --------------------------------------------------------------------------


def free_dependents(blocker: Subtask) -> list[Addressed]:
    """What waits for nothing any more, now that this subtask is completed or gone, may begin.

    Blocked ones go back to pending, or to running when an agent holds on to them. Sends
    subtasks_ready. The events to append to the log: it is locked last.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_DEPENDENTS, [blocker.id])
        held = [row[0] for row in cursor.fetchall()]
        if not held:
            return []
        # A statement of its own: others may have completed what the same subtasks wait for.
        cursor.execute(_READY, [held, blocker.id])
        ids = [row[0] for row in cursor.fetchall()]
    # Also of projects that the caller does not see.
    known = Subtask._base_manager.select_related("task__request")
    ready = list(known.filter(id__in=ids).order_by("id"))
    if not ready:
        return []
    blocked = [subtask for subtask in ready if subtask.status == Subtask.Status.BLOCKED]
    _unblock(blocked)
    subtasks_ready.send(Subtask, subtasks=ready, blocker=blocker)
    return [
        event
        for subtask in ready
        for event in told(
            subtask,
            [*(EVENTS_OF_STATUS[subtask.status] if subtask in blocked else []), SubtaskReady],
        )
    ]


# Without those of a project that is being deleted at this moment.
_HOLD_DEPENDENTS = """
SELECT s.id FROM projects_subtask s
JOIN projects_task t ON t.id = s.task_id
JOIN projects_request r ON r.id = t.request_id
JOIN projects_project p ON p.id = r.project_id
WHERE s.blocked_by @> ARRAY[%s]::uuid[] AND s.blocked_by <> '{}'
  AND s.status NOT IN ('completed', 'failed')
ORDER BY s.id FOR NO KEY UPDATE OF s FOR KEY SHARE OF p SKIP LOCKED
"""
_READY = """
SELECT s.id FROM projects_subtask s
WHERE s.id = ANY(%s) AND NOT EXISTS (
  SELECT FROM projects_subtask b
  WHERE b.id = ANY(s.blocked_by) AND b.id <> %s AND b.status <> 'completed'
)
"""


def _unblock(subtasks: Sequence[Subtask]) -> None:
    claims = Claim._base_manager.filter(subtask__in=subtasks)
    claimed = set(claims.values_list("subtask_id", flat=True))
    for subtask in subtasks:
        is_claimed = subtask.id in claimed
        set_status(subtask, Subtask.Status.RUNNING if is_claimed else Subtask.Status.PENDING)
    Subtask._base_manager.bulk_update(subtasks, ["status", "started_at", "completed_at"])
