"""Who edits a file holds a short lease on it, which each hook of that agent renews."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from dcm.lib.statements import execute, fetch
from projects.models import Lease
from projects.path_patterns import above, key_of, overlap
from projects.services.lease_book import add_leases, overlapping, take_turn, told
from realtime.events import LeaseExpired, LeaseTaken
from realtime.publish import append

EDIT_TTL_SECONDS = 5 * 60
RENEW_BELOW_SECONDS = 4 * 60


class _Seen(NamedTuple):
    """lease: with the columns that matter here."""

    lease: Lease
    is_over: bool


def begin_edit(
    *, project_id: uuid.UUID, path: str, agent_id: str, session_id: str, last_token: int
) -> list[Lease]:
    """Leases of others that speak against this edit. Without any, the file is the agent's own now.

    path: from the project on. last_token: that the project's book had given out a moment ago.
    Leases of the session's main agent, which goes by the session's id, speak against none of its
    subagents; whoever holds a shared lease is not kept out by others'. Part of the caller's
    transaction. Publishes lease.taken when the agent held none. Raises ProjectNotFound,
    TooManyLeases.
    """
    key = key_of(path)
    known = [
        (lease, is_over)
        for lease, is_over in _perhaps_on(project_id, key)
        if overlap(lease.key, key, is_file=lease.is_implicit, other_is_file=True)
    ]
    over = [lease for lease, is_over in known if is_over]
    held = [lease for lease, is_over in known if not is_over]
    against = opponents(held, agent_id, session_id)
    if against or _holds(held, agent_id):
        return against
    return _take_file(project_id, path, agent_id, session_id, over, last_token)


_COLUMNS = """
SELECT id, agent_id, pattern, key, is_shared, is_implicit, reason, expires_at,
  expires_at <= clock_timestamp() AS is_over FROM projects_lease
"""
_ON_PATH = f"""
{_COLUMNS} WHERE project_id = %(project)s AND stem = ANY(%(stems)s::text[])
  AND %(path)s::text LIKE likeness ORDER BY id
"""
# Of many leases that may be on the path few are new.
_NEW_ON_PATH = f"""
{_COLUMNS} WHERE project_id = %(project)s AND token > %(since)s::bigint
  AND stem = ANY(%(stems)s::text[]) AND %(path)s::text LIKE likeness ORDER BY id
"""


def _perhaps_on(project_id: uuid.UUID, key: str, *, since: int | None = None) -> list[_Seen]:
    """Those that name the file are among these leases. since: with tokens after this one only."""
    where = {"project": project_id, "stems": above(key), "path": f"{key}/", "since": since}
    rows = fetch(_ON_PATH if since is None else _NEW_ON_PATH, where)
    return [
        _Seen(Lease(**dict(zip(_NAMES, row[:-1], strict=True))), is_over=row[-1]) for row in rows
    ]


_NAMES = ["id", "agent_id", "pattern", "key", "is_shared", "is_implicit", "reason", "expires_at"]


def _take_file(
    project_id: uuid.UUID,
    path: str,
    agent_id: str,
    session_id: str,
    over: Sequence[Lease],
    last_token: int,
) -> list[Lease]:
    """Look what is new, now that nobody else takes leases, and take it if nobody did before.

    over: those on the path that were; somebody may just have renewed one.
    """
    book = take_turn(project_id)
    key = key_of(path)
    new = [each.lease for each in _perhaps_on(project_id, key, since=last_token)]
    met = overlapping([*over, *new], key, is_file=True)
    against = opponents(met.held, agent_id, session_id)
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


def opponents(leases: Sequence[Lease], agent_id: str, session_id: str) -> list[Lease]:
    """Of the leases on a file those that speak against its being edited by this agent."""
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
