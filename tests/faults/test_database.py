"""PostgreSQL stands still, or has no room: what was answered is stored, all else is told."""

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.figures import Measured
from tests.faults.fleet import Fleet, fleet_of
from tests.faults.load import Load

HANGING_SECONDS = 10
LONGEST_REFUSAL_SECONDS = 2.5
LONGEST_RETURN_SECONDS = 3
DISK_BYTES = 300 * 2**20
SEGMENT_BYTES = 16 * 2**20


async def test_a_database_that_hangs_loses_nothing(fleet: Fleet, measured: Measured) -> None:
    load = Load(fleet, writers=8)

    async with load.running():
        connections = load.connections
        family = fleet.suspend_postgres()
        await asyncio.sleep(1)
        since = time.monotonic()
        await asyncio.sleep(HANGING_SECONDS - 1)
        refused = load.attempts_since(since)
        for process in family:
            process.resume()
        back = await load.until_written(1)
        await load.until_written(60)
        assert load.connections == connections  # no socket was closed

    load.check()
    assert {attempt.status for attempt in refused} == {503}
    assert max(attempt.seconds for attempt in refused) < LONGEST_REFUSAL_SECONDS
    assert back < LONGEST_RETURN_SECONDS
    assert load.statuses == {201, 503}
    measured("answered 503 within 10 s", sum(a.status == 503 for a in load.attempts))
    measured("slowest of them, s", round(max(a.seconds for a in refused), 1))
    measured("first write after its return, s", round(back, 1))


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, which a file can fill."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = Path(tempfile.mkdtemp(prefix="dcm-disk-"))
    size = f"size={DISK_BYTES},mode=0711"
    mount = ["mount", "-t", "tmpfs", "-o", size, "dcm-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


async def test_a_disk_that_is_full_loses_nothing(small_disk: Path, measured: Measured) -> None:
    """First tables cannot grow, then PostgreSQL is down until its log of changes can."""
    filler = small_disk / "filler"
    with fleet_of([], home=small_disk / "home") as fleet:
        load = Load(fleet)
        async with load.running():
            fill(filler)
            action = {
                "tool_name": "Bash",
                "tool_type": "builtin",
                "input": os.urandom(200_000).hex(),
            }
            too_large = await asyncio.to_thread(post, fleet, action)
            alive = [fleet.servers[0].http.get("/livez").status_code]
            await asyncio.to_thread(need_room_for_the_log, fleet)
            await asyncio.sleep(1)  # what was under way is answered
            since = time.monotonic()
            await asyncio.sleep(2)
            meanwhile = {attempt.status for attempt in load.attempts_since(since)}
            health = fleet.servers[0].http.get("/health").status_code
            alive.append(fleet.servers[0].http.get("/livez").status_code)
            filler.unlink()
            back = await load.until_written(1)
            await load.until_written(60)

        load.check()
    assert too_large == 503
    assert alive == [200, 200]
    assert (meanwhile, health) == ({503}, 503)
    assert load.statuses == {201, 503}
    measured("first write after there was room, s", round(back, 1))


def post(fleet: Fleet, action: dict[str, str]) -> int:
    return fleet.servers[0].http.post("/api/actions", json=action).status_code


def fill(path: Path) -> None:
    """Until there is no room left."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 2**16) == 2**16:
            pass


def need_room_for_the_log(fleet: Fleet) -> None:
    """Begin one segment after the other, until there is no room for one."""
    with contextlib.suppress(psycopg.OperationalError):
        for _ in range(DISK_BYTES // SEGMENT_BYTES):
            fleet.rows("SELECT pg_switch_wal(), pg_logical_emit_message(false, 'dcm', 'x')")
        pytest.fail("there was room enough")
