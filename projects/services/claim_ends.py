"""Claims that end without a word of their agent: it stopped, or fell silent."""

from typing import Any, NamedTuple

from django.db import connection, transaction

from dcm.lib.pruning import BATCH
from projects.models import Claim
from projects.services.claim_book import give_back
from realtime.events import ClaimEvent, ClaimExpired, ClaimReleased
from realtime.publish import Addressed, append


def drop_claims(*, session_id: str, agent_id: str | None = None) -> list[Addressed]:
    """End all claims of a session, or of one agent in it; the events to append to the log.

    They are left to the caller, who may have rows to lock yet: the log is locked last.
    """
    if agent_id is None:
        return _end(_OF_SESSION, {"session_id": session_id}, ClaimReleased)
    return _end(_OF_AGENT, {"session_id": session_id, "agent_id": agent_id}, ClaimReleased)


@transaction.atomic
def expire_claims() -> int:
    """End up to BATCH claims whose time is over; how many. Publishes claim.expired for each."""
    events = _end(_OVER, {"most": BATCH}, ClaimExpired)
    append(events)
    return sum(isinstance(each.event, ClaimExpired) for each in events)


class _Ending(NamedTuple):
    """hold: locks the subtasks. delete: those claims that are still so once they are locked."""

    hold: str
    delete: str


_HOLD = """
SELECT s.id FROM projects_claim c JOIN projects_subtask s ON s.id = c.subtask_id
WHERE {which} ORDER BY s.id {locking}
"""
_DELETE = """
DELETE FROM projects_claim c WHERE subtask_id = ANY(%(ids)s) AND {which} RETURNING c.*
"""


def _ending(which: str, *, locking: str) -> _Ending:
    return _Ending(_HOLD.format(which=which, locking=locking), _DELETE.format(which=which))


_OF_SESSION = _ending(
    "(c.session_id = %(session_id)s OR c.agent_id = %(session_id)s)",
    locking="FOR NO KEY UPDATE OF s",
)
_OF_AGENT = _ending(
    "c.agent_id = %(agent_id)s AND coalesce(c.session_id, %(session_id)s) = %(session_id)s",
    locking="FOR NO KEY UPDATE OF s",
)
_OVER = _ending(
    "c.expires_at <= clock_timestamp()",
    locking="LIMIT %(most)s FOR NO KEY UPDATE OF s SKIP LOCKED",
)


def _end(ending: _Ending, which: dict[str, Any], kind: type[ClaimEvent]) -> list[Addressed]:
    with connection.cursor() as cursor:
        cursor.execute(ending.hold, which)
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    return give_back(list(Claim.objects.raw(ending.delete, which | {"ids": ids})), kind)
