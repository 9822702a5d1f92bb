"""The turn of who takes leases in a project, and what is done in it.

Locks are taken in one order: project, book, leases by their ids, event log. Decision 0014.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from dcm.lib import wire
from dcm.lib.errors import DomainError
from dcm.lib.statements import execute
from projects.models import Lease
from projects.path_patterns import key_of, like_of, overlap, stem_of
from projects.services.projects import ProjectNotFound
from realtime.channel_names import GLOBAL, agent_channel, session_channel
from realtime.events import LeaseEvent
from realtime.publish import Addressed

MOST_LEASES = 10_000


class TooManyLeases(DomainError):
    message = f"Too many leases in this project: at most {MOST_LEASES}"
    status = 429


class Book(NamedTuple):
    """token, at: of the leases that are taken in this turn. room: for so many, perhaps for more."""

    project_id: uuid.UUID
    project_path: str
    token: int
    room: int
    at: datetime


_TAKE_TURN = """
WITH project AS (
  SELECT id, path FROM projects_project WHERE id = %s FOR KEY SHARE
), turn AS (
  INSERT INTO projects_leasebook AS book (project_id, mode, last_token)
  SELECT id, 'warn', 1 FROM project
  ON CONFLICT (project_id) DO UPDATE SET last_token = book.last_token + 1
  RETURNING project_id, last_token, room
)
SELECT project.id, project.path, turn.last_token, turn.room, clock_timestamp()
FROM project JOIN turn ON turn.project_id = project.id
"""


def take_turn(project_id: uuid.UUID) -> Book:
    """Wait until others who take leases in this project have committed; they wait for us from here.

    Raises ProjectNotFound.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN, [project_id])
        row = cursor.fetchone()
    if row is None:
        raise ProjectNotFound
    return Book(*row)


class Overlapping(NamedTuple):
    """over: these were, and are gone now."""

    held: list[Lease]
    over: list[Lease]


def overlapping(near: Iterable[Lease], key: str, *, is_file: bool = False) -> Overlapping:
    """Those of the leases `near`, whose keys are needed only, that overlap the pattern.

    One that is being renewed at this moment is waited for: it is either held, or gone for good.
    """
    ids = [
        lease.id
        for lease in near
        if overlap(lease.key, key, is_file=lease.is_implicit, other_is_file=is_file)
    ]
    if not ids:
        return Overlapping([], [])
    over = list(Lease.objects.raw(_END, [ids]))
    return Overlapping(list(Lease.objects.filter(id__in=ids).order_by("id")), over)


_END = """
WITH over AS (
  SELECT id FROM projects_lease WHERE id = ANY(%s) AND expires_at <= clock_timestamp()
  ORDER BY id FOR UPDATE
)
DELETE FROM projects_lease lease USING over WHERE lease.id = over.id RETURNING lease.*
"""


def add_leases(
    book: Book,
    patterns: Collection[str],
    *,
    agent_id: str,
    session_id: str | None,
    ttl_seconds: int,
    is_shared: bool = False,
    is_implicit: bool = False,
    reason: str | None = None,
) -> list[Lease]:
    """Raises TooManyLeases."""
    _make_room(book, len(patterns))
    leases = [
        Lease(
            project_id=book.project_id,
            agent_id=agent_id,
            session_id=session_id,
            pattern=pattern,
            key=(key := key_of(pattern)),
            stem=stem_of(key),
            likeness=like_of(key),
            is_shared=is_shared,
            is_implicit=is_implicit,
            reason=reason,
            token=book.token,
            created_at=book.at,
            expires_at=book.at + timedelta(seconds=ttl_seconds),
        )
        for pattern in patterns
    ]
    execute(_ADD, wire.dump([_columns(lease) for lease in leases]).decode())
    return leases


def _make_room(book: Book, wanted: int) -> None:
    """To count thousands each time is too much: what is taken is taken off.

    That others end is seen when there seems to be no room left, and all are counted again.
    """
    room = book.room
    if room < wanted:
        room = MOST_LEASES - Lease.objects.filter(project_id=book.project_id).count()
    if room < wanted:
        raise TooManyLeases
    execute(_SET_ROOM, str(book.project_id), str(room - wanted))


_SET_ROOM = "UPDATE projects_leasebook SET room = $2::int WHERE project_id = $1::uuid"
_COLUMNS = [field.attname for field in Lease._meta.concrete_fields]
_ADD = """
INSERT INTO projects_lease SELECT * FROM json_populate_recordset(NULL::projects_lease, $1::json)
"""


def _columns(lease: Lease) -> dict[str, Any]:
    return {name: getattr(lease, name) for name in _COLUMNS}


def told(leases: Sequence[Lease], kind: type[LeaseEvent]) -> list[Addressed]:
    """What is published of them, to everyone, the holder and its session."""
    return [Addressed(_event(lease, kind), _channels(lease)) for lease in leases]


def _event(lease: Lease, kind: type[LeaseEvent]) -> LeaseEvent:
    return kind(
        id=lease.id,
        project_id=lease.project_id,
        agent_id=lease.agent_id,
        session_id=lease.session_id,
        token=lease.token,
        is_shared=lease.is_shared,
        is_implicit=lease.is_implicit,
        expires_at=lease.expires_at,
    )


def _channels(lease: Lease) -> list[str]:
    session = [session_channel(lease.session_id)] if lease.session_id else []
    return [GLOBAL, agent_channel(lease.agent_id), *session]
