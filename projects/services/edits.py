"""Who edits a file holds a short lease on it, which each hook of that agent renews."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from dcm.lib.statements import execute
from projects.models import Lease
from projects.path_patterns import above, key_of, overlap
from projects.services.lease_book import add_leases, overlapping, take_turn, told
from realtime.events import LeaseExpired, LeaseTaken
from realtime.publish import append

EDIT_TTL_SECONDS = 5 * 60
RENEW_BELOW_SECONDS = 4 * 60


def begin_edit(*, project_id: uuid.UUID, path: str, agent_id: str, session_id: str) -> list[Lease]:
    """Leases of others that speak against this edit. Without any, the file is the agent's own now.

    path: from the project on. Leases of the session's main agent, which goes by the session's id,
    speak against none of its subagents; whoever holds a shared lease is not kept out by others'.
    Publishes lease.taken when the agent held none. Raises ProjectNotFound, TooManyLeases.
    """
    key = key_of(path)
    known = [
        lease
        for lease in _perhaps_on(project_id, key)
        if not lease.is_over and overlap(lease.key, key, other_is_file=True)
    ]
    against = _opponents(known, agent_id, session_id)
    if against or _holds(known, agent_id):
        return against
    return _take_file(project_id, path, agent_id, session_id)


_ON_PATH = """
SELECT *, expires_at <= clock_timestamp() AS is_over FROM projects_lease
WHERE project_id = %s AND stem = ANY(%s) AND %s LIKE likeness
ORDER BY id
"""


def _perhaps_on(project_id: uuid.UUID, key: str) -> Any:
    """Those that name the file are among these leases; each says whether it `is_over`."""
    return Lease.objects.raw(_ON_PATH, [project_id, above(key), f"{key}/"])


@transaction.atomic
def _take_file(project_id: uuid.UUID, path: str, agent_id: str, session_id: str) -> list[Lease]:
    """Look again, now that nobody else takes leases, and take it if nobody did before."""
    book = take_turn(project_id)
    key = key_of(path)
    met = overlapping(_perhaps_on(project_id, key), key, is_file=True)
    against = _opponents(met.held, agent_id, session_id)
    taken: list[Lease] = []
    if not against and not _holds(met.held, agent_id):
        taken = add_leases(
            book,
            [path],
            agent_id=agent_id,
            session_id=session_id,
            ttl_seconds=EDIT_TTL_SECONDS,
            is_implicit=True,
        )
    append(told(met.over, LeaseExpired) + told(taken, LeaseTaken))
    return against


def _opponents(leases: Sequence[Lease], agent_id: str, session_id: str) -> list[Lease]:
    own_side = {agent_id, session_id}
    shares = any(lease.is_shared for lease in leases if lease.agent_id in own_side)
    return [
        lease
        for lease in leases
        if lease.agent_id not in own_side and not (shares and lease.is_shared)
    ]


def _holds(leases: Sequence[Lease], agent_id: str) -> bool:
    return any(lease.agent_id == agent_id for lease in leases)


_RENEW = """
UPDATE projects_lease
SET expires_at = clock_timestamp() + make_interval(secs => $3::int)
WHERE id IN (
  SELECT id FROM projects_lease
  WHERE session_id = $1 AND agent_id = $2 AND is_implicit AND expires_at > clock_timestamp()
    AND expires_at < clock_timestamp() + make_interval(secs => $4::int)
  ORDER BY id FOR UPDATE SKIP LOCKED
)
"""


def renew_edits(*, session_id: str, agent_id: str) -> None:
    """The agent is at work, so it keeps the files that it edits. Waits for nobody.

    For the end of a transaction: whoever takes leases may be waiting for the rows.
    """
    execute(_RENEW, session_id, agent_id, str(EDIT_TTL_SECONDS), str(RENEW_BELOW_SECONDS))
