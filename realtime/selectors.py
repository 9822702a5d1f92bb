"""Reading the event log: where a reader may begin, and what comes after."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection

from realtime.log import Entry
from realtime.models import EventHead

MOST_BEHIND = 20_000
"""So many events are replayed at the most; who is further behind reads the current state anew."""

REPLAY_BATCH = 500

_EVENT_ID = re.compile(r"msg_([0-9a-z]+)_([0-9]{1,18})")
_AGE = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, kw_only=True)
class Start:
    """Read what comes after number `after`, up to `head`.

    reason: why what the reader missed cannot be replayed in full, one of `unknown` (no event id of
    ours), `epoch` (the log began anew since), `future`, `pruned`, `too_far`; None when it can.
    """

    after: int
    head: int
    epoch: str
    reason: str | None = None

    @property
    def recovered(self) -> bool:
        return self.reason is None

    def report(self) -> dict[str, Any]:
        """{"recovered": true}, or false with the reason."""
        return (
            {"recovered": True} if self.recovered else {"recovered": False, "reason": self.reason}
        )


def head_of_log() -> int:
    """The number of the newest event."""
    return EventHead.objects.values_list("seq", flat=True).get()


_PLACE = """
SELECT epoch, seq, (SELECT min(seq) FROM realtime_loggedevent) FROM realtime_eventhead WHERE id = 1
"""


def start_at(after: int) -> Start:
    """After this number."""
    epoch, head, oldest = _place()
    return _start(after, epoch, head, oldest)


def start_after(event_id: object) -> Start:
    """After the event of this id, which the reader has."""
    found = _EVENT_ID.fullmatch(event_id) if isinstance(event_id, str) else None
    epoch, head, oldest = _place()
    if found is None:
        return Start(after=head, head=head, epoch=epoch, reason="unknown")
    if found[1] != epoch:
        return Start(after=head, head=head, epoch=epoch, reason="epoch")
    return _start(int(found[2]), epoch, head, oldest)


def is_event_id(text: str) -> bool:
    return _EVENT_ID.fullmatch(text) is not None


def start_since(age: timedelta) -> Start:
    """With the first event that is at most so old."""
    epoch, head, _ = _place()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(seq) FROM realtime_loggedevent"
            " WHERE created_at >= now() - make_interval(secs => %s)",
            [age.total_seconds()],
        )
        (first,) = cursor.fetchone()
    after = head if first is None else max(first - 1, head - MOST_BEHIND)
    return Start(after=after, head=head, epoch=epoch)


def parse_age(text: object) -> timedelta | None:
    """`10m`, `90s`, `2h`, `1d`; None for anything else."""
    found = _AGE.fullmatch(text) if isinstance(text, str) else None
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def _place() -> tuple[str, int, int | None]:
    """Epoch, number of the newest event, number of the oldest that is kept."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACE)
        epoch, head, oldest = cursor.fetchone()
    return epoch, head, oldest


def _start(after: int, epoch: str, head: int, oldest: int | None) -> Start:
    reason = None
    if after > head:
        reason = "future"
    elif after < head and (oldest is None or oldest > after + 1):
        reason = "pruned"
    elif head - after > MOST_BEHIND:
        reason = "too_far"
    return Start(after=head if reason else after, head=head, epoch=epoch, reason=reason)


_ENTRIES = """
SELECT head.epoch, e.seq, e.channels, e.type, e.data::text, e.created_at
FROM realtime_loggedevent e, realtime_eventhead head
WHERE e.seq > %(after)s AND e.seq <= %(upto)s
  AND (%(channels)s::text[] IS NULL OR e.channels && %(channels)s::text[])
  AND (%(types)s::text[] IS NULL OR e.type = ANY(%(types)s::text[]))
ORDER BY e.seq LIMIT %(limit)s
"""


def entries_between(
    *,
    after: int,
    upto: int,
    channels: Collection[str] | None = None,
    types: Collection[str] | None = None,
    limit: int = REPLAY_BATCH,
) -> list[Entry]:
    """The first events after `after` and up to `upto`, on any of these channels, of these types."""
    wanted = {
        "after": after,
        "upto": upto,
        "channels": None if channels is None else list(channels),
        "types": None if types is None else list(types),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, wanted)
        return [Entry(*row) for row in cursor.fetchall()]
