"""What a client was sent and has not acknowledged yet. Contract: websocket 6."""

from dataclasses import dataclass
from typing import Any

_TRACKED = ("task.", "subtask.", "message.")
SCAN_SECONDS = 2
RESEND_SECONDS = 5.0
MOST_SENDS = 3
MOST_UNACKNOWLEDGED = 1_000
"""Of one client; beyond it the oldest are given up."""


def is_tracked(event: str) -> bool:
    """Whether events of this type are sent again until they are acknowledged."""
    return event.startswith(_TRACKED)


@dataclass(slots=True)
class _Delivery:
    """One event, as it was sent on each channel that the client hears."""

    messages: list[dict[str, Any]]
    sent_at: float
    sends: int = 1
    waits_for: str | None = None


class Deliveries:
    """Of one client. Times are of time.monotonic(). exhausted: how many were given up."""

    def __init__(self) -> None:
        self.exhausted = 0
        self._open: dict[int, _Delivery] = {}
        self._given_up: dict[int, str] = {}  # that wait for an agent, who may yet acknowledge

    def __len__(self) -> int:
        return len(self._open)

    def note(
        self, seq: int, messages: list[dict[str, Any]], now: float, waits_for: str | None = None
    ) -> None:
        """This tracked event was sent now, in so many messages.

        waits_for: the agent on whose own channel it was, so that it waits until acknowledged.
        """
        delivery = self._open.get(seq)
        if delivery is None:
            if len(self._open) >= MOST_UNACKNOWLEDGED:
                self._give_up(next(iter(self._open)))
            delivery = self._open[seq] = _Delivery([], now)
        delivery.messages += messages
        delivery.waits_for = waits_for or delivery.waits_for

    def acknowledge(self, event_id: object) -> tuple[str, int] | None:
        """The agent that this event, of this number, waited for, if it did.

        Ids that are unknown, or acknowledged already, are as good as none.
        """
        number = event_id.rpartition("_")[2] if isinstance(event_id, str) else ""
        if not (number.isascii() and number.isdigit()):
            return None
        seq = int(number[:18])
        delivery = self._open.pop(seq, None)
        agent_id = delivery.waits_for if delivery else self._given_up.pop(seq, None)
        return (agent_id, seq) if agent_id else None

    def due(self, now: float) -> list[dict[str, Any]]:
        """What is to be sent again now; what was sent often enough is given up."""
        again: list[dict[str, Any]] = []
        for seq, delivery in list(self._open.items()):
            if now - delivery.sent_at <= RESEND_SECONDS:
                continue
            if delivery.sends == MOST_SENDS:
                self._give_up(seq)
                continue
            delivery.sends += 1
            delivery.sent_at = now
            again += delivery.messages
        return again

    def _give_up(self, seq: int) -> None:
        self.exhausted += 1
        delivery = self._open.pop(seq)
        if delivery.waits_for:
            if len(self._given_up) >= MOST_UNACKNOWLEDGED:
                del self._given_up[next(iter(self._given_up))]
            self._given_up[seq] = delivery.waits_for
