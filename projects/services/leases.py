"""Leases on the paths of a project: taken all at once or not at all, and over by themselves."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection, transaction
from django.dispatch import receiver

from dcm.lib import wire
from dcm.lib.deadlocks import again_after_deadlock
from dcm.lib.errors import Conflict, DomainError, NotFound
from dcm.lib.pruning import BATCH
from dcm.lib.redaction.services import clean_text
from projects.models import Lease, LeaseBook, Project
from projects.path_patterns import key_of, read_pattern
from projects.services.lease_book import add_leases, overlapping, take_turn, told
from projects.services.projects import ProjectNotFound
from projects.signals import project_deleting
from realtime.events import LeaseExpired, LeaseReleased, LeaseTaken
from realtime.publish import Addressed, append

TTL_SECONDS = 15 * 60
LONGEST_TTL_SECONDS = 24 * 60 * 60
MOST_CONFLICTS = 10


class PathsLeased(Conflict):
    """`message` tells the first lease that speaks against it, `conflicts` up to MOST_CONFLICTS."""

    message = "Leased to another agent"

    def __init__(self, against: Sequence[Lease]) -> None:
        conflicts = [
            {
                "id": lease.id,
                "agent_id": lease.agent_id,
                "pattern": lease.pattern,
                "reason": lease.reason,
                "is_shared": lease.is_shared,
                "expires_at": lease.expires_at,
            }
            for lease in against[:MOST_CONFLICTS]
        ]
        super().__init__(message=in_words(against[0]), conflicts=conflicts)


class LeaseNotFound(NotFound):
    """Never taken, released, or over."""

    message = "Lease not found"


class LeaseOfAnother(DomainError):
    message = "This lease belongs to another agent"
    status = 403


def in_words(lease: Lease) -> str:
    """`src/** is leased to ag-7 until 2026-03-04T05:06:07.089Z: moves the forms`."""
    why = f": {lease.reason}" if lease.reason else ""
    until = wire.wire_time(lease.expires_at)
    return f"{lease.pattern} is leased to {lease.agent_id} until {until}{why}"


@again_after_deadlock
@transaction.atomic
def take_leases(
    *,
    project_id: uuid.UUID,
    agent_id: str,
    patterns: Collection[str],
    session_id: str | None = None,
    is_shared: bool = False,
    reason: str | None = None,
    ttl_seconds: int = TTL_SECONDS,
) -> list[Lease]:
    """A lease for each pattern, or none. Taking a pattern again replaces the agent's own lease.

    Leases of the session's main agent, which goes by the session's id, do not speak against it.
    Publishes lease.taken, and lease.expired for what was in the way and over.
    Raises ProjectNotFound, InvalidPattern, PathsLeased, TooManyLeases.
    """
    book = take_turn(project_id)
    shown = [read_pattern(each, project_path=book.project_path) for each in patterns]
    wanted = {key_of(pattern): pattern for pattern in shown}
    others = Lease.objects.filter(project_id=project_id)
    others = others.exclude(agent_id__in=[agent_id, session_id or agent_id])
    if is_shared:
        others = others.exclude(is_shared=True)
    over: list[Lease] = []
    for key in wanted:
        met = overlapping(others.near(key).only("key", "is_implicit"), key)
        if met.held:
            raise PathsLeased(met.held)
        over += met.over
    _forget_own(project_id, agent_id, wanted)
    taken = add_leases(
        book,
        wanted.values(),
        agent_id=agent_id,
        session_id=session_id,
        is_shared=is_shared,
        reason=clean_text(reason),
        ttl_seconds=ttl_seconds,
    )
    append(told(over, LeaseExpired) + told(taken, LeaseTaken))
    return taken


def _forget_own(project_id: uuid.UUID, agent_id: str, keys: Collection[str]) -> None:
    own = Lease.objects.filter(project_id=project_id, agent_id=agent_id, key__in=keys)
    ids = list(own.order_by("id").select_for_update().values_list("id", flat=True))
    Lease.objects.filter(id__in=ids).delete()


@transaction.atomic
def renew_lease(lease_id: uuid.UUID, *, agent_id: str, ttl_seconds: int = TTL_SECONDS) -> Lease:
    """It lasts `ttl_seconds` from now on, under the same token.

    Raises LeaseOfAnother, and LeaseNotFound also when it was over: others may have edited since.
    """
    lease = Lease.objects.select_for_update().live().filter(id=lease_id).first()
    if lease is None:
        raise LeaseNotFound
    if lease.agent_id != agent_id:
        raise LeaseOfAnother
    return Lease.objects.raw(_RENEW, [ttl_seconds, lease_id])[0]


_RENEW = """
UPDATE projects_lease SET expires_at = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s RETURNING *
"""


@transaction.atomic
def release_lease(lease_id: uuid.UUID, *, agent_id: str | None = None) -> Lease:
    """agent_id: when given, it has to be the holder.

    Publishes lease.released. Raises LeaseNotFound, LeaseOfAnother.
    """
    lease = Lease.objects.select_for_update().filter(id=lease_id).first()
    if lease is None:
        raise LeaseNotFound
    if agent_id is not None and lease.agent_id != agent_id:
        raise LeaseOfAnother
    Lease.objects.filter(id=lease_id).delete()
    append(told([lease], LeaseReleased))
    return lease


@transaction.atomic
def release_leases(
    *, project_id: uuid.UUID, agent_id: str, patterns: Collection[str] | None = None
) -> list[Lease]:
    """Give back the agent's leases on these patterns, or all of them; those that there were.

    Publishes lease.released for each. Raises ProjectNotFound, InvalidPattern.
    """
    project = Project.objects.filter(id=project_id).first()
    if project is None:
        raise ProjectNotFound
    own = Lease.objects.filter(project_id=project_id, agent_id=agent_id)
    if patterns is not None:
        shown = [read_pattern(each, project_path=project.path) for each in patterns]
        own = own.filter(key__in=[key_of(pattern) for pattern in shown])
    released = list(own.order_by("id").select_for_update())
    Lease.objects.filter(id__in=[lease.id for lease in released]).delete()
    append(told(released, LeaseReleased))
    return released


def drop_leases(*, session_id: str, agent_id: str | None = None) -> list[Addressed]:
    """End all leases of a session, or of one agent in it; the events to append to the log.

    They are left to the caller, who may have rows to lock yet: the log is locked last.
    """
    if agent_id is None:
        dropped = Lease.objects.raw(_DROP_OF_SESSION, [session_id, session_id])
    else:
        dropped = Lease.objects.raw(_DROP_OF_AGENT, [session_id, agent_id])
    return told(list(dropped), LeaseReleased)


_DROP = """
WITH gone AS (SELECT id FROM projects_lease WHERE {which} ORDER BY id FOR UPDATE)
DELETE FROM projects_lease lease USING gone WHERE lease.id = gone.id RETURNING lease.*
"""
_DROP_OF_SESSION = _DROP.format(which="session_id = %s OR agent_id = %s")
_DROP_OF_AGENT = _DROP.format(which="session_id = %s AND agent_id = %s")


@transaction.atomic
def expire_leases() -> int:
    """Delete up to BATCH leases whose time is over; how many. Publishes lease.expired for each."""
    over = list(Lease.objects.raw(_EXPIRE, [BATCH]))
    append(told(over, LeaseExpired))
    return len(over)


_EXPIRE = """
WITH over AS (
  SELECT id FROM projects_lease WHERE expires_at <= clock_timestamp()
  ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
DELETE FROM projects_lease lease USING over WHERE lease.id = over.id RETURNING lease.*
"""


@transaction.atomic
def set_lease_mode(project_id: uuid.UUID, mode: str) -> None:
    """What becomes of edits that a lease speaks against. Raises ProjectNotFound."""
    take_turn(project_id)
    LeaseBook.objects.filter(project_id=project_id).update(mode=mode)


@receiver(project_deleting)
def hold_leases(project_id: uuid.UUID, **_: Any) -> None:
    """Lock the leases of a project that goes in the order in which those who end many do."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM projects_lease WHERE project_id = %s ORDER BY id FOR UPDATE", [project_id]
        )
