"""A thousand clients that send their requests byte by byte take nothing from the others."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.faults.figures import Measured
from tests.serve.serving import Serving, temporary_home
from tests.sockets import allow_open_files

CLIENTS = 1_000
AT_ONCE = 50
PACE_SECONDS = 0.5
REQUESTS = 200
MOST_GROWTH_BYTES = 30 * 2**20
LONGEST_MEDIAN_SECONDS = 0.1
HEAD = b"POST /api/projects HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
BODY = b" " * 1_000


@pytest.fixture
def serving() -> Iterator[Serving]:
    allow_open_files(2 * CLIENTS)
    with temporary_home() as home, Serving(home) as running:
        yield running


async def dribble(port: int, whole: bytes, few: asyncio.Semaphore) -> None:
    """Send this at once and the rest byte by byte, until cancelled or closed."""
    async with few:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        try:
            writer.write(whole)
            for byte in (HEAD + BODY).removeprefix(whole):
                writer.write(bytes([byte]))
                await asyncio.sleep(PACE_SECONDS)
        finally:
            writer.transport.abort()


async def test_clients_that_send_byte_by_byte_hold_nobody_up(
    serving: Serving, measured: Measured
) -> None:
    server = psutil.Process(serving.process.pid)
    serving.http.get("/health")
    before, threads = server.memory_info().rss, server.num_threads()
    few = asyncio.Semaphore(AT_ONCE)
    whole = (b"", HEAD)  # half of them dribble the head, half the body
    slow = [
        asyncio.create_task(dribble(serving.port("PORT"), whole[n % 2], few))
        for n in range(CLIENTS)
    ]
    try:
        async with asyncio.timeout(45):
            while len(server.net_connections("tcp")) < CLIENTS:
                await asyncio.sleep(0.1)

        def others() -> list[float]:
            seconds = []
            for number in range(REQUESTS):
                began = time.monotonic()
                reply = serving.http.post("/api/projects", json={"path": f"/srv/{number}"})
                seconds.append(time.monotonic() - began)
                assert reply.status_code == 201
            return seconds

        seconds = await asyncio.to_thread(others)
        grown = server.memory_info().rss - before
        more_threads = server.num_threads() - threads
    finally:
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    assert statistics.median(seconds) < LONGEST_MEDIAN_SECONDS
    assert grown < MOST_GROWTH_BYTES
    assert more_threads <= 10  # those for the database, which the others' requests take
    measured("slow clients", CLIENTS)
    measured("a request of the others, median ms", round(1000 * statistics.median(seconds)))
    measured("memory of the slow clients, MB", round(grown / 2**20))
