"""What sockets themselves announce."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from realtime.channel_names import GLOBAL
from realtime.events import AgentConnected, AgentDisconnected, Event
from realtime.publish import publish
from realtime.tokens import Identity

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


@transaction.atomic
def publish_for_client(*, channel: str, event: str, data: Any, agent_id: str) -> None:
    """Say it on this channel. agent_id: who does, "" when unknown."""
    said = ClientEvent(name=event, payload=data)
    publish(said, to=[channel], publisher=agent_id)


@transaction.atomic
def announce_connected(identity: Identity, client_id: str) -> None:
    """Publishes agent.connected."""
    publish(AgentConnected(client_id=client_id, **dataclasses.asdict(identity)), to=[GLOBAL])


@transaction.atomic
def announce_disconnected(identity: Identity, client_id: str) -> None:
    """Publishes agent.disconnected."""
    publish(AgentDisconnected(client_id=client_id, **dataclasses.asdict(identity)), to=[GLOBAL])
