"""Subtasks that agents take from the common work: each is one agent's, for as long as it lives.

Locks are taken in one order: subtasks by their ids, project, book, claims, event log.
Decision 0020.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from dcm.lib.deadlocks import again_after_deadlock
from dcm.lib.errors import DomainError, NotFound
from dcm.lib.keys.limits import limits, of_caller
from dcm.lib.rows import insert, update
from dcm.lib.statements import execute, fetch
from projects.models import Claim, Subtask
from projects.services.claim_book import give_back, told_of
from projects.services.claim_ends import expire_claims
from projects.services.lease_book import take_turn
from projects.services.status import set_status
from projects.services.subtask_events import EVENTS_OF_STATUS, told
from realtime.events import ClaimReleased, ClaimTaken
from realtime.publish import append
from realtime.signals import agent_alive

TTL_SECONDS = 15 * 60
LONGEST_TTL_SECONDS = 24 * 60 * 60


class ClaimNotFound(NotFound):
    """Never claimed, finished, given back, or over."""

    message = "Claim not found"


class ClaimOfAnother(DomainError):
    message = "This claim belongs to another agent"
    status = 403


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Which work an agent would do; each None: any.

    agent_types: subtasks that ask for one of these, or for none. of_session: whose request it is.
    """

    agent_id: str
    project_id: uuid.UUID | None = None
    request_id: uuid.UUID | None = None
    of_session: str | None = None
    agent_types: Collection[str] | None = None


# What waits for a subtask that is gone waits no longer.
_WISHED = """
FROM projects_subtask s
JOIN projects_task t ON t.id = s.task_id
JOIN projects_request r ON r.id = t.request_id
JOIN projects_project p ON p.id = r.project_id
WHERE s.is_claimable AND (s.status = 'pending' OR s.status = 'blocked' AND s.blocked_by <> '{{}}')
  AND coalesce(s.agent_id, '') IN ('', %(agent_id)s)
  AND (%(types)s::text[] IS NULL OR coalesce(s.agent_type, '') = ANY(%(types)s::text[] || ''::text))
  AND (%(project_id)s::uuid IS NULL OR r.project_id = %(project_id)s)
  AND (%(request_id)s::uuid IS NULL OR r.id = %(request_id)s)
  AND (%(of_session)s::text IS NULL OR r.session_id = %(of_session)s)
  AND {seen}
  AND r.status NOT IN ('failed', 'cancelled')
  AND NOT EXISTS (SELECT FROM projects_claim c WHERE c.subtask_id = s.id)
  AND {waits} (
    SELECT FROM projects_subtask b WHERE b.id = ANY(s.blocked_by) AND b.status <> 'completed')
"""
_SEEN = of_caller("p.id")
_FREE = _WISHED.format(waits="NOT EXISTS", seen=_SEEN)
_COUNT_WAITING = f"SELECT count(*) {_WISHED.format(waits='EXISTS', seen=_SEEN)}"
# What is meant for the agent comes first.
_FIRST = """
ORDER BY coalesce(s.agent_id, '') = '', r.created_at, t.wave_number, t.created_at,
  s.created_at, s.id LIMIT 1
"""
_FIND_FIRST = f"SELECT s.id {_FREE} {_FIRST}"
_HOLD_FIRST = f"""
SELECT s.id, r.project_id {_FREE} {_FIRST}
FOR NO KEY UPDATE OF s SKIP LOCKED FOR KEY SHARE OF p SKIP LOCKED
"""
_HOLD_THIS = f"""
SELECT s.id, r.project_id {_FREE} AND s.id = %(this)s
FOR NO KEY UPDATE OF s FOR KEY SHARE OF p SKIP LOCKED
"""


def claim_next(
    wish: Wish, *, session_id: str | None = None, ttl_seconds: int = TTL_SECONDS
) -> Claim | None:
    """The next subtask that nothing stands in the way of is the agent's, and running.

    session_id: the agent's own. None when there is none at this moment. Publishes claim.taken,
    subtask.updated and subtask.running, and claim.expired for claims that are over.
    """
    expire_claims()
    while True:
        claim = _claim(wish, session_id, ttl_seconds)
        if claim is not None:
            return claim
        # Whoever holds the last one may yet leave it: nobody is told too early that there is none.
        held = _one(_FIND_FIRST, wish)
        if held is None:
            return None
        claim = _claim(wish, session_id, ttl_seconds, this=held[0])
        if claim is not None:
            return claim


@transaction.atomic
def _claim(
    wish: Wish, session_id: str | None, ttl_seconds: int, *, this: uuid.UUID | None = None
) -> Claim | None:
    """The first that nobody holds at this moment, or `this` as soon as nobody does.

    It waits for no more than one subtask, and while it holds none.
    """
    chosen = _one(_HOLD_THIS if this else _HOLD_FIRST, wish, this=this)
    if chosen is None:
        return None
    subtask_id, project_id = chosen
    book = take_turn(project_id)
    subtask = Subtask.objects.select_related("task__request").get(id=subtask_id)
    set_status(subtask, Subtask.Status.RUNNING)
    subtask.agent_id = wish.agent_id
    update(subtask, "status", "started_at", "completed_at", "agent_id")
    claim = Claim(
        subtask=subtask,
        agent_id=wish.agent_id,
        session_id=session_id,
        token=book.token,
        ttl_seconds=ttl_seconds,
        claimed_at=book.at,
        expires_at=book.at + timedelta(seconds=ttl_seconds),
    )
    insert(claim)
    append(told_of(claim, ClaimTaken) + told(subtask, EVENTS_OF_STATUS[subtask.status]))
    return claim


def count_waiting(wish: Wish) -> int:
    """Subtasks that the agent could claim if others were completed."""
    row = _one(_COUNT_WAITING, wish)
    return int(row[0]) if row else 0


def _one(statement: str, wish: Wish, *, this: uuid.UUID | None = None) -> tuple[Any, ...] | None:
    parameters = {
        "agent_id": wish.agent_id,
        "types": None if wish.agent_types is None else list(wish.agent_types),
        "project_id": wish.project_id,
        "request_id": wish.request_id,
        "of_session": wish.of_session,
        "projects": limits(),
        "this": this,
    }
    return next(iter(fetch(statement, parameters)), None)


# --- keeping it -------------------------------------------------------------------------------


@transaction.atomic
def renew_claim(subtask_id: uuid.UUID, *, agent_id: str, ttl_seconds: int | None = None) -> Claim:
    """It lasts another while from now on, under the same token. ttl_seconds: by default as before.

    Raises ClaimOfAnother, and ClaimNotFound also when it was over.
    """
    claim = Claim.objects.select_for_update().live().filter(subtask_id=subtask_id).first()
    if claim is None:
        raise ClaimNotFound
    if claim.agent_id != agent_id:
        raise ClaimOfAnother
    return Claim.objects.raw(_RENEW, [ttl_seconds, ttl_seconds, subtask_id])[0]


_RENEW = """
UPDATE projects_claim SET ttl_seconds = coalesce(%s, ttl_seconds),
  expires_at = clock_timestamp() + make_interval(secs => coalesce(%s, ttl_seconds))
WHERE subtask_id = %s RETURNING *
"""


def renew_claims(*, agent_id: str, session_id: str | None = None) -> None:
    """The agent is alive, so it keeps what it claimed. Waits for nobody.

    session_id: when its main agent is. It goes out with the next statement, or the commit.
    """
    execute(_RENEW_ALL, agent_id, session_id or "")


@receiver(agent_alive)
@transaction.atomic
def keep_claims_of_socket(agent_id: str, **_: Any) -> None:
    renew_claims(agent_id=agent_id)


# Not each time: a fifth of its time has to be over.
_RENEW_ALL = """
UPDATE projects_claim SET expires_at = clock_timestamp() + make_interval(secs => ttl_seconds)
WHERE subtask_id IN (
  SELECT subtask_id FROM projects_claim
  WHERE (agent_id = $1 OR session_id = $2) AND expires_at > clock_timestamp()
    AND expires_at < clock_timestamp() + make_interval(secs => 0.8 * ttl_seconds)
  ORDER BY subtask_id FOR UPDATE SKIP LOCKED
)
"""


@again_after_deadlock
@transaction.atomic
def release_claim(subtask_id: uuid.UUID, *, agent_id: str | None = None) -> Claim:
    """Others may claim the subtask. agent_id: when given, it has to be the holder.

    Publishes claim.released and the events of the subtask. Raises ClaimNotFound, ClaimOfAnother.
    """
    if not Claim.objects.filter(subtask_id=subtask_id).exists():
        raise ClaimNotFound
    list(Subtask.objects.select_for_update(no_key=True).filter(id=subtask_id))
    claim = Claim.objects.select_for_update().filter(subtask_id=subtask_id).first()
    if claim is None:
        raise ClaimNotFound
    if agent_id is not None and claim.agent_id != agent_id:
        raise ClaimOfAnother
    Claim.objects.filter(subtask_id=subtask_id).delete()
    append(give_back([claim], ClaimReleased))
    return claim
