"""Many writers and readers at once, and the reckoning afterwards."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence

from tests.faults.clients import Attempt, Reader, Writer
from tests.faults.fleet import Fleet

PATIENCE_SECONDS = 45
_names = itertools.count(1)


class Load:
    """Half of the writers and readers at every server, until one fails them.

    writing_at: the servers that are written to, by default all.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        writers: int = 4,
        readers: int = 6,
        writing_at: Sequence[int] | None = None,
    ) -> None:
        self._fleet = fleet
        name = f"load-{next(_names)}"
        http = [fleet.servers[n].url for n in writing_at or range(len(fleet.servers))]
        ws = [server.ws_url for server in fleet.servers]
        self.writers = [Writer(f"{name}-w{n}", *_turned(http, n)) for n in range(writers)]
        self.readers = [Reader(*_turned(ws, n)) for n in range(readers)]
        self._pattern = f"{name}-%"
        self._ends = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """In the end whatever was acknowledged has been heard by every reader."""
        reading = [asyncio.create_task(reader.read()) for reader in self.readers]
        writing: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not all(reader.connections for reader in self.readers):
                    await asyncio.sleep(0.05)
            writing += [asyncio.create_task(writer.write(self._ends)) for writer in self.writers]
            await self.until_written(2 * len(self.writers))
            yield
            self._ends.set()
            await asyncio.wait_for(asyncio.gather(*writing), PATIENCE_SECONDS)
            wanted = set(self.acknowledged.values())
            await asyncio.gather(
                *(reader.until_heard(wanted, PATIENCE_SECONDS) for reader in self.readers)
            )
        finally:
            for task in [*reading, *writing]:
                task.cancel()
            await asyncio.gather(*reading, *writing, return_exceptions=True)

    async def until_written(self, more: int, *, within: float = PATIENCE_SECONDS) -> float:
        """Return, once so many more writes have been acknowledged, how many seconds that took."""
        began, before = time.monotonic(), len(self.acknowledged)
        async with asyncio.timeout(within):
            while len(self.acknowledged) < before + more:
                await asyncio.sleep(0.01)
        return time.monotonic() - began

    @property
    def acknowledged(self) -> dict[str, str]:
        """What was written -> id of the message."""
        return {text: id_ for writer in self.writers for text, id_ in writer.acknowledged.items()}

    @property
    def attempts(self) -> list[Attempt]:
        return [attempt for writer in self.writers for attempt in writer.attempts]

    def attempts_since(self, moment: float) -> list[Attempt]:
        """Those that began after this time of time.monotonic() and have ended."""
        return [attempt for attempt in self.attempts if attempt.began > moment]

    @property
    def statuses(self) -> set[int]:
        return {status for writer in self.writers for status in writer.statuses}

    @property
    def connections(self) -> int:
        return sum(reader.connections for reader in self.readers)

    def check(self) -> None:
        """Nothing acknowledged is missing, nothing is there twice, all of it came in order."""
        stored = self._fleet.rows(
            "SELECT content->>'text', id::text FROM messaging_message"
            " WHERE from_agent LIKE %s ORDER BY 1",
            [self._pattern],
        )
        assert stored == sorted(self.acknowledged.items())
        ((events, span, behind),) = self._fleet.rows(
            "SELECT count(*), max(seq) - min(seq) + 1, (SELECT seq FROM realtime_eventhead)"
            " - max(seq) FROM realtime_loggedevent"
        )
        assert (events, behind) == (span, 0)
        for reader in self.readers:
            assert reader.unrecovered == []
            assert reader.order == sorted(set(reader.order))
            assert len(reader.events) == len(set(reader.events.values()))


def _turned(urls: list[str], by: int) -> list[str]:
    """The same, beginning with another one."""
    by %= len(urls)
    return [*urls[by:], *urls[:by]]
