"""What a client was sent and has not acknowledged yet. Contract: websocket 6."""

from dataclasses import dataclass
from typing import Any

TRACKED = ("task.", "subtask.", "message.")
SCAN_SECONDS = 2
RESEND_SECONDS = 5.0
MOST_SENDS = 3
MOST_UNACKNOWLEDGED = 1_000
"""Of one client; beyond it the oldest count as delivered."""


@dataclass(slots=True)
class _Delivery:
    """One event, as it was sent on each channel that the client hears."""

    messages: list[dict[str, Any]]
    sent_at: float
    sends: int = 1


class Deliveries:
    """Of one client. Times are of time.monotonic()."""

    def __init__(self) -> None:
        self._open: dict[int, _Delivery] = {}

    def __len__(self) -> int:
        return len(self._open)

    def note(self, seq: int, event: str, message: dict[str, Any], now: float) -> None:
        """This was sent now; it is tracked if it is of a kind that is."""
        if not event.startswith(TRACKED):
            return
        if seq in self._open:
            self._open[seq].messages.append(message)
            return
        if len(self._open) >= MOST_UNACKNOWLEDGED:
            del self._open[next(iter(self._open))]
        self._open[seq] = _Delivery([message], now)

    def acknowledge(self, event_id: object) -> None:
        """Ids that are unknown, or acknowledged already, are as good as none."""
        if isinstance(event_id, str):
            number = event_id.rpartition("_")[2]
            if number.isascii() and number.isdigit():
                self._open.pop(int(number[:18]), None)

    def due(self, now: float) -> list[dict[str, Any]]:
        """What is to be sent again now; what was sent often enough is given up."""
        again: list[dict[str, Any]] = []
        for seq, delivery in list(self._open.items()):
            if now - delivery.sent_at <= RESEND_SECONDS:
                continue
            if delivery.sends == MOST_SENDS:
                del self._open[seq]
                continue
            delivery.sends += 1
            delivery.sent_at = now
            again += delivery.messages
        return again
