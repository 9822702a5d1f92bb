"""Redis carries hints only: without it everything works, a little later."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.clients import Reader, Writer
from tests.serve.serving import Serving, database_url, temporary_home

MOST_DELAY_SECONDS = 2.0


class Redis:
    """A Redis of the test's own, which keeps nothing."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._folder = folder
        self.start()

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program
        self._process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.02)
        raise RuntimeError("Redis did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(5)


@pytest.fixture
def redis() -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with temporary_home() as folder:
        server = Redis(folder)
        yield server
        server.kill()


@pytest.fixture
def servers(redis: Redis) -> Iterator[list[Serving]]:
    """Two that tell each other by Redis."""
    url = f"redis://127.0.0.1:{redis.port}/0"
    with (
        temporary_home() as home,
        Serving(home, REDIS_URL=url) as first,
        Serving(home, DATABASE_URL=database_url(home), REDIS_URL=url) as second,
    ):
        yield [first, second]


async def test_while_redis_is_away_writes_succeed_and_events_arrive(
    redis: Redis, servers: list[Serving]
) -> None:
    """The writer is at one server, the reader at the other."""
    writer = Writer("w", f"http://127.0.0.1:{servers[0].port('PORT')}")
    reader = Reader(f"ws://127.0.0.1:{servers[1].port('WS_PORT')}")
    ends = asyncio.Event()
    tasks = [asyncio.create_task(reader.read()), asyncio.create_task(writer.write(ends))]
    try:
        for change in (lambda: None, redis.kill, redis.start):
            await asyncio.to_thread(change)
            await asyncio.sleep(2)
            said = set(writer.acknowledged)
            await reader.until_heard(said, MOST_DELAY_SECONDS)
            assert len(said) > 10
        ends.set()
        await tasks[1]
        await reader.until_heard(set(writer.acknowledged), MOST_DELAY_SECONDS)
    finally:
        for task in tasks:
            task.cancel()

    assert writer.statuses == {201}
    assert reader.connections == 1
    assert reader.order == sorted(set(reader.order))
