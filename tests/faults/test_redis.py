"""Redis carries hints only: without it, or emptied, everything works, perhaps a little later."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.clients import Reader, Writer
from tests.faults.figures import Measured
from tests.faults.redis import Redis
from tests.serve.serving import Serving, several_servers

MOST_DELAY_SECONDS = 2.0


@pytest.fixture
def servers(redis: Redis) -> Iterator[list[Serving]]:
    """Two that tell each other by Redis."""
    with several_servers(2, REDIS_URL=redis.url) as servers:
        yield servers


async def test_while_redis_is_away_writes_succeed_and_events_arrive(
    redis: Redis, servers: list[Serving], measured: Measured
) -> None:
    """The writer is at one server, the reader at the other."""
    writer = Writer("w", f"http://127.0.0.1:{servers[0].port('PORT')}")
    reader = Reader(f"ws://127.0.0.1:{servers[1].port('WS_PORT')}")
    ends = asyncio.Event()
    tasks = [asyncio.create_task(reader.read()), asyncio.create_task(writer.write(ends))]
    try:
        for change in (redis.flush, redis.kill, redis.start):
            before = len(writer.acknowledged)
            await asyncio.to_thread(change)
            await asyncio.sleep(2)
            said = set(writer.acknowledged.values())
            await reader.until_heard(said, MOST_DELAY_SECONDS)
            assert len(said) > before + 10
        ends.set()
        await tasks[1]
        await reader.until_heard(set(writer.acknowledged.values()), MOST_DELAY_SECONDS)
    finally:
        for task in tasks:
            task.cancel()

    assert writer.statuses == {201}
    assert reader.connections == 1
    assert reader.order == sorted(set(reader.order))
    slowest = max(attempt.seconds for attempt in writer.attempts)
    measured("slowest of the writes, ms", round(1000 * slowest))
