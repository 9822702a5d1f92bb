"""What happened after a place in the event log. The log tells what; the rows tell how it stands."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection

from dcm.lib.statements import fetch
from realtime.selectors import Start, start_after


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the log stood when a brief was begun, and from where on the reader wants to know.

    start: None when everything is wanted.
    """

    position: str
    start: Start | None = None

    @property
    def report(self) -> dict[str, Any] | None:
        """{"recovered": true}, or false with the reason, and then the brief is a whole one."""
        return None if self.start is None else self.start.report()


_HEAD = "SELECT epoch, seq FROM realtime_eventhead WHERE id = 1"


def here() -> str:
    """The id of the newest event."""
    ((epoch, seq),) = fetch(_HEAD, {})
    return event_id(epoch, seq)


def place_in_log(since: str | None) -> Place:
    """Read before the rows: what happens in between is told twice rather than never."""
    if since is None:
        return Place(position=here())
    start = start_after(since)
    return Place(position=event_id(start.epoch, start.head), start=start)


def event_id(epoch: str, seq: int) -> str:
    return f"msg_{epoch}_{seq}"


# Events of the coordinator hold the whole object.
_NEWS = """
SELECT DISTINCT id FROM (
  SELECT coalesce(data->>'id', data->'decision'->>'id', data->'question'->>'id',
                  data->'entry'->>'id') AS id
  FROM realtime_loggedevent WHERE seq > %s AND seq <= %s
) told WHERE id = ANY(%s)
"""


def news(start: Start, ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that an event from there on is about."""
    if start.after >= start.head:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(_NEWS, [start.after, start.head, list(ids)])
        return frozenset(row[0] for row in cursor.fetchall())
