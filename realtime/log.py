"""The event log as the sockets of one process see it: a tail of ready-made frames."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime

import orjson

MOST_EVENTS = 5_000
MOST_CHARACTERS = 16 * 2**20


class Entry:
    """One event. Its JSON is made once; for each channel only the name is put in."""

    __slots__ = ("_before", "_frames", "_timestamp", "channels", "data", "seq", "size", "type")

    def __init__(
        self, epoch: str, seq: int, channels: list[str], event: str, data: str, at: datetime
    ) -> None:
        self.seq = seq
        self.channels = channels
        self.type = event
        self.data = data  # JSON text
        self._timestamp = int(at.timestamp() * 1000)
        self._before = f'{{"type":"event","id":"msg_{epoch}_{seq}","channel":'
        self._frames: dict[str, str] = {}
        self.size = len(self._before) + len(data)

    def frame(self, channel: str) -> str:
        """The frame for subscribers of this channel, the same string for all of them."""
        frame = self._frames.get(channel)
        if frame is None:
            frame = self._frames[channel] = (
                f'{self._before}{_json(channel)},"event":{_json(self.type)},"data":{self.data}'
                f',"timestamp":{self._timestamp}}}'
            )
        return frame


class Tail:
    """The last events, oldest first, bounded in number and size; the numbers are dense."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._size = 0

    def append(self, entry: Entry) -> None:
        if self._entries and entry.seq != self._entries[-1].seq + 1:
            self.clear()
        self._entries.append(entry)
        self._size += entry.size
        while len(self._entries) > MOST_EVENTS or self._size > MOST_CHARACTERS:
            self._size -= self._entries.popleft().size

    def clear(self) -> None:
        self._entries.clear()
        self._size = 0

    def reaches(self, seq: int) -> bool:
        """Whether everything after this number is here."""
        return not self._entries or seq >= self._entries[0].seq - 1

    def get(self, seq: int) -> Entry | None:
        """The event of this number, if it is here."""
        if not self._entries:
            return None
        place = seq - self._entries[0].seq
        return self._entries[place] if 0 <= place < len(self._entries) else None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)


def _json(text: str) -> str:
    return orjson.dumps(text).decode()
