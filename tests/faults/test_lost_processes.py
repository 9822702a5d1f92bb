"""Processes are killed under load: what was answered is stored, and everybody hears of it."""

import asyncio
import signal
import time

from tests.faults.figures import Measured
from tests.faults.fleet import Fleet
from tests.faults.load import Load

RESTARTS = 5
LONGEST_STOP_SECONDS = 8
RESTARTED = 1012


async def test_any_process_may_be_killed(fleet: Fleet, measured: Measured) -> None:
    """A worker, a whole server, a backend of PostgreSQL, and PostgreSQL, one after the other."""
    load = Load(fleet)

    async with load.running():
        fleet.servers[0].workers()[0].kill()
        await load.until_written(60)
        fleet.servers[1].process.kill()
        await load.until_written(60)
        await asyncio.to_thread(fleet.start_again, 1)
        for name in ("a backend", "PostgreSQL"):
            before = load.connections
            victim = fleet.backend() if name == "a backend" else fleet.postgres()[0]
            victim.kill()
            back = await load.until_written(60)
            assert load.connections == before  # no socket was closed
            measured(f"60 writes after losing {name}, s", round(back, 1))

    load.check()
    assert load.statuses <= {201, 503}
    measured("acknowledged, all stored once and heard in order", len(load.acknowledged))


async def test_two_hundred_clients_that_come_back_at_once_miss_nothing(
    fleet: Fleet, measured: Measured
) -> None:
    load = Load(fleet, writers=2, readers=200, writing_at=[0])

    async with load.running():
        fleet.servers[1].process.kill()
        began = time.monotonic()
        async with asyncio.timeout(45):
            while load.connections < 300:
                await asyncio.sleep(0.02)
        back = time.monotonic() - began
        await load.until_written(40)
    fleet.start_again(1)

    load.check()
    measured("100 of 200 clients back at another server, s", round(back, 1))


async def test_servers_that_are_restarted_in_turn_lose_nothing(
    fleet: Fleet, measured: Measured
) -> None:
    load = Load(fleet)
    stops = []

    async with load.running():
        for turn in range(RESTARTS):
            number = turn % len(fleet.servers)
            began = time.monotonic()
            code = await asyncio.to_thread(fleet.servers[number].stop, signal.SIGTERM)
            stops.append(time.monotonic() - began)
            assert code == 0
            await asyncio.to_thread(fleet.start_again, number)
            await load.until_written(20)

    load.check()
    assert load.statuses == {201}
    assert max(stops) < LONGEST_STOP_SECONDS
    closings = [code for reader in load.readers for code in reader.closings]
    assert len(closings) >= RESTARTS
    assert set(closings) == {RESTARTED}
    measured("acknowledged during 5 restarts", len(load.acknowledged))
    measured("slowest stop, s", round(max(stops), 1))
