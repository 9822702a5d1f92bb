"""Ten thousand sockets at one server process, two thousand of which come back at once."""

import asyncio
import contextlib
import json
import resource
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.faults.crowd import Crowd
from tests.faults.figures import Measured
from tests.serve.serving import Serving, temporary_home
from tests.sockets import allow_open_files

PROCESSES, SOCKETS = 2, 5_000
AT_ONCE = 100
RETURNING, WITHIN_SECONDS = 1_000, 5  # of each process
MARKS_MEANWHILE = 20
MOST_BYTES = 60_000


@pytest.fixture
def serving() -> Iterator[Serving]:
    allow_open_files(2 * PROCESSES * SOCKETS)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard > 1.2 * PROCESSES * SOCKETS, "each socket is an open file: raise `ulimit -Hn`"
    with temporary_home() as home, Serving(home) as running:
        yield running


class Marks:
    """Events with numbers, one after the other, by a socket of their own."""

    def __init__(self, socket: ClientConnection) -> None:
        self.last = 0
        self._socket = socket

    async def say(self) -> float:
        """Publish the next one; when it was sent."""
        self.last += 1
        frame = {"type": "publish", "channel": "global", "event": "system.info"}
        sent_at = time.time()
        await self._socket.send(json.dumps({**frame, "data": {"mark": self.last}}))
        return sent_at


async def drain(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


async def test_ten_thousand_sockets_and_a_storm_of_two_thousand(
    serving: Serving, measured: Measured
) -> None:
    server = psutil.Process(serving.process.pid)
    files, before = server.num_fds(), server.memory_info().rss
    with contextlib.ExitStack() as stack:
        crowds = [stack.enter_context(Crowd(serving.port("WS_PORT"))) for _ in range(PROCESSES)]

        async def everywhere(**order: Any) -> list[dict[str, Any]]:
            return await asyncio.gather(*(crowd.order(**order) for crowd in crowds))

        opened = await everywhere(open=SOCKETS, at_once=AT_ONCE)
        grown = server.memory_info().rss - before
        async with connect(f"ws://127.0.0.1:{serving.port('WS_PORT')}/?ack=none") as socket:
            draining = asyncio.create_task(drain(socket))
            marks = Marks(socket)
            sent_at = await marks.say()
            reached = await everywhere(heard=1)

            storm = asyncio.create_task(
                everywhere(**{"return": RETURNING, "within": WITHIN_SECONDS})
            )
            slowest = 0.0
            for _ in range(MARKS_MEANWHILE):
                await marks.say()
                began = time.monotonic()
                await asyncio.to_thread(serving.http.get, "/livez")
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(WITHIN_SECONDS / MARKS_MEANWHILE)
            back = await storm
            await marks.say()
            await everywhere(heard=marks.last)
            ends = await everywhere(close=True)
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
        async with asyncio.timeout(45):
            while server.num_fds() > files + 20:
                await asyncio.sleep(0.1)

    assert ends == [{"open": SOCKETS, "wrong": 0, "unrecovered": 0, "firsts": [1]}] * PROCESSES
    assert grown / (PROCESSES * SOCKETS) < MOST_BYTES
    measured("sockets", PROCESSES * SOCKETS)
    measured("opened in, s", round(max(each["seconds"] for each in opened), 1))
    measured("bytes each", round(grown / (PROCESSES * SOCKETS)))
    measured("one event to all of them, s", round(max(each["at"] for each in reached) - sent_at, 2))
    measured("2,000 back after, s", round(max(each["seconds"] for each in back), 1))
    measured("slowest GET /livez meanwhile, s", round(slowest, 2))
