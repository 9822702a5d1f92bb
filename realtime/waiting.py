"""What waits in the log for an agent that was not there, or did not acknowledge it.

Only on its own channel, only what is tracked, and only as long as messages live. Nothing is kept
per event: the log has the events, and one row per agent says which of them it has.
"""

import asyncio
from collections.abc import Mapping, Set
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from dcm.lib import wire
from dcm.lib.pruning import of_rows
from dcm.lib.threads import in_thread
from realtime.channel_names import agent_channel
from realtime.fanout import hub
from realtime.log import Entry
from realtime.models import Acknowledged

MOST_OFFERED = 1_000
"""Of those that wait the newest; the same number of acknowledgements is told apart."""

_WAITING = r"""
SELECT head.epoch, e.seq, e.channels, e.type, e.data::text, e.created_at
FROM realtime_eventhead AS head
LEFT JOIN realtime_acknowledged AS has ON has.agent_id = %(agent_id)s AND has.epoch = head.epoch
JOIN realtime_loggedevent AS e ON dcm_agent_channels(e.channels) @> ARRAY[hashtext(%(channel)s)]
  AND e.channels @> ARRAY[%(channel)s]
  AND e.type ~ '^(task|subtask|message)\.'
  AND e.created_at > now() - make_interval(secs => %(seconds)s)
  AND e.seq > coalesce(has.upto, 0) AND e.seq <= %(upto)s
  AND NOT e.seq = ANY(coalesce(has.beyond, '{}'))
ORDER BY e.seq DESC LIMIT %(most)s
"""


def entries_waiting(agent_id: str, *, upto: int) -> list[Entry]:
    """What this agent has not acknowledged, up to this number, oldest first."""
    wanted: dict[str, str | int] = {
        "agent_id": agent_id,
        "channel": agent_channel(agent_id),
        "seconds": settings.MESSAGE_TTL_SECONDS,
        "upto": upto,
        "most": MOST_OFFERED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, wanted)
        return [Entry(*row) for row in reversed(cursor.fetchall())]


# Numbers are a set, so whatever order acknowledgements come in, from whichever connection or
# process, the row is the same. When it has too many, all before the newest count as acknowledged.
_ACKNOWLEDGE = """
INSERT INTO realtime_acknowledged AS has (agent_id, epoch, upto, beyond)
SELECT agent_id, %(epoch)s, 0, numbers
FROM json_to_recordset(%(said)s::json) AS said(agent_id text, numbers bigint[])
ORDER BY agent_id
ON CONFLICT (agent_id) DO UPDATE SET updated_at = now(), (epoch, upto, beyond) = (
  SELECT EXCLUDED.epoch,
    greatest(max(seq) FILTER (WHERE place > %(most)s),
             CASE WHEN has.epoch = EXCLUDED.epoch THEN has.upto ELSE 0 END),
    array_agg(seq ORDER BY seq) FILTER (WHERE place <= %(most)s)
  FROM (
    SELECT seq, row_number() OVER (ORDER BY seq DESC) AS place
    FROM (
      SELECT unnest(EXCLUDED.beyond) AS seq
      UNION SELECT unnest(has.beyond) WHERE has.epoch = EXCLUDED.epoch
    ) AS every
  ) AS ranked
)
"""


def acknowledge(epoch: str, said: Mapping[str, Set[int]]) -> None:
    """Agents have these events. said: agent -> numbers."""
    rows = [{"agent_id": name, "numbers": sorted(numbers)} for name, numbers in said.items()]
    told: dict[str, str | int] = {
        "epoch": epoch,
        "said": wire.dump(rows).decode(),
        "most": MOST_OFFERED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ACKNOWLEDGE, told)


class Acknowledgements:
    """What the agents of this process have acknowledged and is not stored yet."""

    def __init__(self) -> None:
        self._epoch = ""
        self._unstored: dict[str, set[int]] = {}
        self._storing = asyncio.Lock()

    def note(self, agent_id: str, seq: int) -> None:
        if self._epoch != hub.epoch:
            self._epoch, self._unstored = hub.epoch, {}
        self._unstored.setdefault(agent_id, set()).add(seq)

    async def store(self) -> None:
        """One statement for all of them. What cannot be stored is kept for the next time."""
        async with self._storing:
            epoch, said = self._epoch, self._unstored
            if not said:
                return
            self._unstored = {}
            try:
                await in_thread(acknowledge, epoch, said)
            except BaseException:
                for agent_id, numbers in said.items():
                    for seq in numbers:
                        self.note(agent_id, seq)
                raise


acknowledgements = Acknowledgements()


def _kept() -> timedelta:
    return timedelta(seconds=settings.MESSAGE_TTL_SECONDS)


# Whatever such a row tells of is too old to be offered anyway.
STALE_ACKNOWLEDGEMENTS = of_rows(
    "acknowledgements",
    lambda: Acknowledged.objects.filter(updated_at__lt=Now() - _kept()),
)
