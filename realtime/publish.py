"""The one way into the event log."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db import connection, transaction

from dcm.lib import wire
from dcm.lib.postgresql.base import Queued
from dcm.lib.statements import execute
from realtime import hints, read_your_writes
from realtime.events import Event

_APPEND = """
WITH head AS (UPDATE realtime_eventhead SET seq = seq + $1 WHERE id = 1 RETURNING seq)
INSERT INTO realtime_loggedevent (seq, channels, type, data, publisher, created_at)
SELECT head.seq - $1 + e.n, e.channels, e.type, e.data, e.publisher, clock_timestamp()
FROM head, json_to_recordset($2::json)
  AS e(n int, channels text[], type text, data jsonb, publisher text)
RETURNING (SELECT head.seq FROM head)
"""


class Addressed(NamedTuple):
    """An event, its channels, and the agent that says it ("": the server)."""

    event: Event
    to: Collection[str]
    publisher: str = ""


class Appended(NamedTuple):
    """Events on their way into the log."""

    length: int
    queued: Queued | None = None

    @property
    def numbers(self) -> Sequence[int]:
        """That of each event. Asked for before the commit, they lock the log from now on."""
        if self.queued is None:
            return []
        last = int(self.queued.rows[0][0] or 0)
        return range(last - self.length + 1, last + 1)


def publish(event: Event, *, to: Collection[str], publisher: str = "") -> None:
    """Add `event` to the log, one row for all its channels, inside the caller's transaction.

    Sockets hear of it after the commit; a rollback takes the event with it. The log stays locked
    until then, so this is the last thing a service does.
    """
    publish_all([(event, to)], publisher=publisher)


def publish_all(
    events: Sequence[tuple[Event, Collection[str]]], *, publisher: str = ""
) -> Appended:
    """The same for several events, in this order, at the price of one."""
    return append([Addressed(event, to, publisher) for event, to in events])


def append(events: Sequence[Addressed]) -> Appended:
    """The same for events of several publishers."""
    if not events:
        return Appended(0)
    if not connection.in_atomic_block:
        raise RuntimeError("publish() belongs in the transaction that makes the change")
    rows = [
        {
            "n": n,
            "channels": list(dict.fromkeys(channels)),
            "type": event.type,
            "data": event.data(),
            "publisher": publisher,
        }
        for n, (event, channels, publisher) in enumerate(events, start=1)
    ]
    # robust: the change is committed, so a lost hint must not fail the request.
    # It costs a second at most: the hub also looks by itself.
    transaction.on_commit(hints.send_hint, robust=True)
    appended = Appended(len(rows), execute(_APPEND, str(len(rows)), wire.dump(rows).decode()))
    transaction.on_commit(lambda: read_your_writes.note(appended.numbers[-1]))
    return appended
