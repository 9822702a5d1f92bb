"""Which agents are connected, in all server processes together. Contract: websocket 9, 11.

A socket's row and its event are one transaction, so an agent that comes or goes is told exactly
once, whoever notices it.
"""

import os
import socket
from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models.functions import Now

from dcm.lib.batcher import Batcher
from dcm.lib.pruning import BATCH, Pruning, of_rows
from realtime.channel_names import GLOBAL
from realtime.events import AgentConnected, AgentDisconnected
from realtime.models import Presence, RememberedChannel
from realtime.publish import Addressed, append
from realtime.tokens import Identity

LEASE_SECONDS = 60
RENEW_SECONDS = 20
SWEEP_SECONDS = 5
REMEMBERED = timedelta(hours=24)
PROCESS = f"{socket.gethostname()}:{os.getpid()}"


class Change(NamedTuple):
    """A socket authenticated, or an authenticated one closed."""

    client_id: str
    identity: Identity
    connected: bool


_ARRIVE = """
INSERT INTO realtime_presence (client_id, agent_id, session_id, process, expires_at)
VALUES (%s, %s, %s, %s, now() + make_interval(secs => %s))
ON CONFLICT (client_id) DO UPDATE SET
  agent_id = EXCLUDED.agent_id, session_id = EXCLUDED.session_id, expires_at = EXCLUDED.expires_at
"""


# In one order, since several processes do this to the same agents.
_STAMP = """
UPDATE realtime_rememberedchannel r SET updated_at = now() FROM (
  SELECT id FROM realtime_rememberedchannel WHERE agent_id = ANY(%s)
  ORDER BY agent_id, channel FOR NO KEY UPDATE
) theirs WHERE r.id = theirs.id
"""


@transaction.atomic
def note_changes(changes: list[Change]) -> list[None]:
    """Publishes agent.connected and agent.disconnected; the second once for each socket."""
    said = [event for change in changes if (event := _note(change)) is not None]
    if left := {event.agent_id for event in said if isinstance(event, AgentDisconnected)}:
        with connection.cursor() as cursor:
            cursor.execute(_STAMP, [sorted(left)])
    if said:
        append([Addressed(event, [GLOBAL]) for event in said])
    return [None] * len(changes)


changes: Batcher[Change, None] = Batcher(note_changes)
"""For the event loop: what many sockets do at once costs one transaction."""


def _note(change: Change) -> AgentConnected | AgentDisconnected | None:
    client_id, identity, connected = change
    about = {"client_id": client_id, "agent_id": identity.agent_id}
    with connection.cursor() as cursor:
        if connected:
            cursor.execute(
                _ARRIVE, [client_id, identity.agent_id, identity.session_id, PROCESS, LEASE_SECONDS]
            )
            return AgentConnected(session_id=identity.session_id, **about)
        cursor.execute("DELETE FROM realtime_presence WHERE client_id = %s", [client_id])
        if not cursor.rowcount:
            return None  # its lease had ended, and that was told
    return AgentDisconnected(session_id=identity.session_id, **about)


def renew(present: dict[str, Identity]) -> None:
    """The sockets of this process are still open. One that was taken for gone is back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE realtime_presence SET expires_at = now() + make_interval(secs => %s)"
            " WHERE client_id = ANY(%s) RETURNING client_id",
            [LEASE_SECONDS, sorted(present)],
        )
        known = {row[0] for row in cursor.fetchall()}
    if back := sorted(present.keys() - known):
        note_changes([Change(client_id, present[client_id], True) for client_id in back])


def _sweep() -> int:
    gone = Presence.objects.filter(expires_at__lt=Now()).order_by("client_id")
    rows = list(gone.select_for_update(skip_locked=True)[:BATCH])
    note_changes(
        [Change(row.client_id, Identity(row.agent_id, row.session_id), False) for row in rows]
    )
    return len(rows)


LOST_SOCKETS = Pruning(
    "lost sockets",
    lambda: Presence.objects.filter(expires_at__lt=Now()).count(),
    _sweep,
)
"""Publishes agent.disconnected for each."""

FORGOTTEN_CHANNELS = of_rows(
    "remembered channels",
    lambda: RememberedChannel.objects.filter(updated_at__lt=Now() - REMEMBERED),
)


# --- channels that an agent comes back to -------------------------------------------------------

_REMEMBER = """
INSERT INTO realtime_rememberedchannel (agent_id, channel, wanted)
SELECT %s, channel, %s FROM unnest(%s::text[]) AS channel ORDER BY channel
ON CONFLICT (agent_id, channel) DO UPDATE SET wanted = EXCLUDED.wanted, updated_at = now()
"""


def remember(agent_id: str, channels: Collection[str], *, wanted: bool) -> None:
    """The agent takes these channels, or does without them."""
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, [agent_id, wanted, sorted(channels)])


def forget(agent_id: str, channel: str) -> None:
    RememberedChannel.objects.filter(agent_id=agent_id, channel=channel).delete()


def remembered(agent_id: str) -> dict[str, bool]:
    """Channel -> whether it is wanted, as the agent left it within the last 24 hours."""
    rows = RememberedChannel.objects.filter(agent_id=agent_id, updated_at__gte=Now() - REMEMBERED)
    return dict(rows.order_by("channel").values_list("channel", "wanted"))
