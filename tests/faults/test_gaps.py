"""Numbers of the log have no gap that a reader could fall into, whoever writes or prunes."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from dcm.lib import embedded
from realtime.fanout import RESYNC
from realtime.selectors import MOST_BEHIND
from tests.faults.figures import Measured
from tests.faults.fleet import Fleet

CLIENTS, SECONDS = 16, 6
APPEND = """
BEGIN;
SELECT pg_sleep(random() * 0.004);
WITH head AS (UPDATE realtime_eventhead SET seq = seq + 1 WHERE id = 1 RETURNING seq)
INSERT INTO realtime_loggedevent (seq, channels, type, data, publisher, created_at)
SELECT seq, '{global}', 'system.info', '{}', '', clock_timestamp() FROM head;
COMMIT;
"""

EVENTS = 50_000
MANY = """
WITH head AS (UPDATE realtime_eventhead SET seq = seq + %(many)s WHERE id = 1 RETURNING seq)
INSERT INTO realtime_loggedevent (seq, channels, type, data, publisher, created_at)
SELECT seq - %(many)s + n, '{global}', 'system.info', '{}', '', clock_timestamp()
FROM head, generate_series(1, %(many)s) AS n
"""
PRUNE = (
    "DELETE FROM realtime_loggedevent WHERE seq < (SELECT min(seq) + 500 FROM realtime_loggedevent)"
)


def pgbench(home: Path) -> int:
    """Append for SECONDS from CLIENTS connections; how many transactions were committed."""
    server = embedded.connection(home)
    script = home / "append.sql"
    script.write_text(APPEND)
    options = ["-n", "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS), "-f", str(script)]
    done = subprocess.run(
        [
            embedded.shipped_binaries() / "pgbench",
            *options,
            "-h",
            server["HOST"],
            "-U",
            server["USER"],
            server["NAME"],
        ],
        env={**os.environ, "PGPASSWORD": server["PASSWORD"]},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in done.stdout.splitlines() if "actually processed" in line]
    return int(line.split(":")[1].split("/")[0])


class Hearing:
    """What a socket heard after `after`, an event of the log, or from now on."""

    def __init__(self, fleet: Fleet, after: str = "") -> None:
        self.numbers: list[int] = []
        self.greeting: dict[str, Any] = {}
        self.close_code: int | None = None
        self.ready = asyncio.Event()
        self._url = f"{fleet.servers[0].ws_url}/?ack=none&last_event_id={after}"

    async def hear(self) -> None:
        """Until cancelled, or closed. Again, as clients do, when the server was too busy to say."""
        while not self.ready.is_set():
            await self._hear()

    async def _hear(self) -> None:
        async with connect(self._url, max_size=None) as socket:
            try:
                self.greeting = json.loads(await socket.recv())
                if self.greeting.get("reason") == "unavailable":
                    return
                self.ready.set()
                async for text in socket:
                    frame = json.loads(text)
                    if frame.get("event") == "system.info":
                        self.numbers.append(int(frame["id"].rpartition("_")[2]))
            except ConnectionClosed:
                pass
        self.close_code = socket.close_code

    async def until(self, number: int) -> None:
        """It has heard the event of this number, or was closed."""
        async with asyncio.timeout(60):
            while self.close_code is None and (not self.numbers or self.numbers[-1] < number):
                await asyncio.sleep(0.05)


def head(fleet: Fleet) -> tuple[str, int]:
    ((epoch, seq),) = fleet.rows("SELECT epoch, seq FROM realtime_eventhead")
    return epoch, seq


async def test_sixteen_writers_at_full_speed_leave_no_gap(fleet: Fleet, measured: Measured) -> None:
    hearing = Hearing(fleet)
    task = asyncio.create_task(hearing.hear())
    await hearing.ready.wait()
    _, before = head(fleet)

    committed = await asyncio.to_thread(pgbench, fleet.home)
    _, last = head(fleet)
    await hearing.until(last)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert committed > 100 * SECONDS
    assert last == before + committed
    assert hearing.numbers == [*range(before + 1, last + 1)]
    measured("transactions of 16 writers, all heard in order", committed)
    measured("a second", committed // SECONDS)


async def test_a_log_that_is_pruned_during_a_catch_up_hides_nothing(
    fleet: Fleet, measured: Measured
) -> None:
    """50,000 events; readers who are behind by more and less, while the log loses its beginning."""
    epoch, before = head(fleet)
    fleet.run(MANY, {"many": EVENTS})
    last = before + EVENTS
    # Were the log pruned of what the server has yet to read, all would be told.
    newest = Hearing(fleet, f"msg_{epoch}_{last}")
    tasks = [asyncio.create_task(newest.hear())]
    await newest.ready.wait()
    # Behind by all, by more than is replayed, and by less, which pruning soon takes, or never.
    behind = [EVENTS, MOST_BEHIND + 1, MOST_BEHIND, 15_000, 10_000, 1_000, 1]
    hearings = {n: Hearing(fleet, f"msg_{epoch}_{last - n}") for n in behind}
    tasks += [asyncio.create_task(each.hear()) for each in hearings.values()]
    pruned = 0
    while pruned < EVENTS - 12_000:
        await asyncio.to_thread(fleet.run, PRUNE)
        pruned += 500
    await asyncio.gather(*(each.ready.wait() for each in hearings.values()))
    fleet.run(MANY, {"many": 1})
    await asyncio.gather(*(each.until(last + 1) for each in hearings.values()))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = {n: outcome(each, last - n, last + 1) for n, each in hearings.items()}
    assert "a hole" not in outcomes.values()
    assert outcomes[EVENTS] == outcomes[MOST_BEHIND + 1] == "told"
    assert outcomes[10_000] == outcomes[1_000] == outcomes[1] == "complete"
    measured(
        "readers that were behind", ", ".join(f"{n:,}: {what}" for n, what in outcomes.items())
    )


def outcome(hearing: Hearing, after: int, last: int) -> str:
    """complete: all was heard. told: the reply, or the code of the end, says that it could not."""
    if hearing.greeting.get("recovered") is False:
        return "told"
    if hearing.numbers == [*range(after + 1, last + 1)]:
        return "complete"
    return "told" if hearing.close_code == RESYNC else "a hole"
