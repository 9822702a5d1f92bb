"""The event log as the sockets of one process see it: a tail of ready-made frames."""

from collections import deque
from datetime import datetime
from typing import Any

import orjson
from websockets.frames import Frame, Opcode

MOST_EVENTS = 5_000
MOST_CHARACTERS = 16 * 2**20


class Entry:
    """One event. Its JSON is made once; for each channel only the name is put in."""

    __slots__ = (
        *("_before", "_bytes", "_messages", "_timestamp"),
        *("channels", "data", "seq", "size", "type"),
    )

    def __init__(
        self, epoch: str, seq: int, channels: list[str], event: str, data: str, at: datetime
    ) -> None:
        self.seq = seq
        self.channels = channels
        self.type = event
        self.data = data  # JSON text
        self.size = len(data) * (1 + len(channels))
        self._timestamp = int(at.timestamp() * 1000)
        self._before = f'{{"type":"event","id":"msg_{epoch}_{seq}","channel":'
        self._messages: dict[str, dict[str, Any]] = {}
        self._bytes: dict[str, bytes] = {}

    def message(self, channel: str) -> dict[str, Any]:
        """The ASGI message for subscribers of this channel, the same object for all of them."""
        message = self._messages.get(channel)
        if message is None:
            message = {"type": "websocket.send", "text": self.frame(channel)}
            self._messages[channel] = message
        return message

    def on_the_wire(self, channel: str) -> bytes:
        """The same as it goes over the network, header and all."""
        data = self._bytes.get(channel)
        if data is None:
            text = Frame(Opcode.TEXT, self.frame(channel).encode())
            data = self._bytes[channel] = bytes(text.serialize(mask=False))
        return data

    def frame(self, channel: str) -> str:
        """The event frame as subscribers of this channel get it."""
        return (
            f'{self._before}{_json(channel)},"event":{_json(self.type)},"data":{self.data}'
            f',"timestamp":{self._timestamp}}}'
        )


class Tail:
    """The last events, bounded in number and size; their numbers are dense."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._size = 0

    def append(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._size += entry.size
        # The newest stays, whatever its size: nobody has had a chance to send it.
        while len(self._entries) > 1 and self._is_full():
            self._size -= self._entries.popleft().size

    def clear(self) -> None:
        self._entries.clear()
        self._size = 0

    def get(self, seq: int) -> Entry | None:
        """The event of this number, if it is here."""
        if not self._entries:
            return None
        place = seq - self._entries[0].seq
        return self._entries[place] if 0 <= place < len(self._entries) else None

    def _is_full(self) -> bool:
        return len(self._entries) > MOST_EVENTS or self._size > MOST_CHARACTERS


def _json(text: str) -> str:
    return orjson.dumps(text).decode()
