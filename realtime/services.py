"""What is announced at the wish of a socket, or of another program by way of the database."""

import secrets
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from dcm.lib import wire
from dcm.lib.batcher import Batcher
from realtime.events import Event
from realtime.frames import Refused
from realtime.models import EventHead, LoggedEvent, Presence
from realtime.publish import Addressed, append

CLIENT_EVENTS = frozenset(
    [
        *(f"task.{what}" for what in ("created", "updated", "completed", "failed")),
        *(f"subtask.{what}" for what in ("created", "updated", "completed", "failed")),
        *(f"message.{what}" for what in ("new", "read", "expired")),
        *(f"agent.{what}" for what in ("connected", "disconnected", "heartbeat")),
        *("agent.blocked", "agent.unblocked", "session.created", "session.ended"),
        *("metric.update", "system.error", "system.info"),
    ]
)
"""What clients may publish: every name that the README of the original lists. Contract: W12."""


@transaction.atomic
def begin_new_epoch() -> str:
    """The new epoch of a log that may not be the one that clients have heard: a restored one.

    Whoever resumes is told, and no socket of then is open now.
    """
    epoch = secrets.token_hex(6)
    EventHead.objects.update(epoch=epoch)
    Presence.objects.all().delete()
    return epoch


class InvalidData(Refused):
    message = f"Invalid data. {wire.UNSTORABLE}"
    code = "INVALID_DATA"


@dataclass(frozen=True, kw_only=True)
class ClientEvent(Event):
    """An event in a client's own words."""

    name: str
    payload: Any

    @property
    def type(self) -> str:  # type: ignore[override]
        return self.name

    def data(self) -> Any:
        return self.payload


def announce(said: list[Addressed]) -> list[int]:
    """Publish these; the number of each in the log. Raises InvalidData."""
    for event, _, _ in said:
        if not wire.is_storable(event.data()):
            raise InvalidData
    with transaction.atomic():
        appended = append(said)
    return [*appended.numbers]


def announce_again(event: LoggedEvent) -> int:
    """Tell the same on the same channels, as a new event; its number in the log."""
    said = ClientEvent(name=event.type, payload=event.data)
    (seq,) = announce([Addressed(said, event.channels, event.publisher)])
    return seq


announcer: Batcher[Addressed, int] = Batcher(announce)
"""For the event loop: what many sockets say at once costs one transaction."""


async def publish_for_client(*, channel: str, event: str, data: Any, agent_id: str = "") -> int:
    """Say it on this channel; its number in the log. agent_id: who does, "" when unknown.

    Raises InvalidData, Overloaded.
    """
    said = ClientEvent(name=event, payload=data)
    return await announcer.submit(Addressed(said, [channel], agent_id))
