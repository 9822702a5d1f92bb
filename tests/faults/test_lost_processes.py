"""Processes are killed under load: what was answered is stored, and everybody hears of it."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.faults.clients import Reader, Writer
from tests.serve.serving import Serving, postgres_of, several_servers

LOAD_SECONDS = 6.0


@pytest.fixture
def servers() -> Iterator[list[Serving]]:
    with several_servers(2) as servers:
        yield servers


class Load:
    """Writers and readers, half of each at every server."""

    def __init__(self, servers: list[Serving], *, writers: int = 4, readers: int = 6) -> None:
        http = [f"http://127.0.0.1:{server.port('PORT')}" for server in servers]
        ws = [f"ws://127.0.0.1:{server.port('WS_PORT')}" for server in servers]
        self.writers = [Writer(f"w{n}", http[n % len(http)]) for n in range(writers)]
        self.readers = [Reader(*(ws if n % 2 else ws[::-1])) for n in range(readers)]
        self._ends = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        reading = [asyncio.create_task(reader.read()) for reader in self.readers]
        writing: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(10):
                while not all(reader.connections for reader in self.readers):
                    await asyncio.sleep(0.05)
            writing += [asyncio.create_task(writer.write(self._ends)) for writer in self.writers]
            yield
            self._ends.set()
            await asyncio.wait_for(asyncio.gather(*writing), 30)
            await asyncio.gather(
                *(reader.until_heard(self.acknowledged, 20) for reader in self.readers)
            )
        finally:
            for task in [*reading, *writing]:
                task.cancel()

    @property
    def acknowledged(self) -> set[str]:
        return {one for writer in self.writers for one in writer.acknowledged}

    def check(self) -> None:
        assert len(self.acknowledged) > 10 * len(self.writers)
        for reader in self.readers:
            assert reader.unrecovered == []
            assert reader.order == sorted(set(reader.order))
            assert len(reader.events) == len(set(reader.events.values()))


async def test_a_server_that_is_killed_loses_nothing(servers: list[Serving]) -> None:
    load = Load(servers)
    for writer in load.writers:
        writer.url = load.writers[0].url  # the one that survives

    async with load.running():
        await asyncio.sleep(LOAD_SECONDS / 3)
        servers[1].process.kill()
        await asyncio.sleep(LOAD_SECONDS / 3)

    load.check()


async def test_two_hundred_clients_that_come_back_at_once_miss_nothing(
    servers: list[Serving],
) -> None:
    load = Load(servers, writers=2, readers=200)
    for writer in load.writers:
        writer.url = load.writers[0].url

    async with load.running():
        await asyncio.sleep(LOAD_SECONDS / 3)
        servers[1].process.kill()
        await asyncio.sleep(LOAD_SECONDS / 3)

    load.check()
    assert sum(reader.connections for reader in load.readers) >= 300


async def test_a_database_that_is_killed_loses_nothing(servers: list[Serving]) -> None:
    load = Load(servers)
    before = [0] * len(load.readers)

    async with load.running():
        await asyncio.sleep(LOAD_SECONDS / 3)
        before = [reader.connections for reader in load.readers]
        postgres_of(servers[0].home)[0].kill()
        await asyncio.sleep(2 * LOAD_SECONDS / 3)

    load.check()
    assert {status for writer in load.writers for status in writer.statuses} <= {201, 503}
    assert [reader.connections for reader in load.readers] == before  # sockets stayed open


async def test_a_restart_of_each_server_in_turn_loses_nothing(servers: list[Serving]) -> None:
    load = Load(servers)
    for writer in load.writers:
        writer.url = load.writers[0].url

    async with load.running():
        await asyncio.sleep(LOAD_SECONDS / 3)
        assert await asyncio.to_thread(servers[1].stop, signal.SIGTERM) == 0
        await asyncio.sleep(LOAD_SECONDS / 3)

    load.check()
    assert {status for writer in load.writers for status in writer.statuses} == {201}
