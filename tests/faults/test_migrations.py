"""Servers of a newer version bring the tables up to date while others serve."""

import asyncio

from tests.faults.figures import Measured
from tests.faults.fleet import Fleet
from tests.faults.load import Load
from tests.serve.serving import manage

EVENTS = 50_000
MANY = """
WITH head AS (UPDATE realtime_eventhead SET seq = seq + %(many)s WHERE id = 1 RETURNING seq)
INSERT INTO realtime_loggedevent (seq, channels, type, data, publisher, created_at)
SELECT seq - %(many)s + n, ARRAY['global', 'agents/' || n], 'message.new', '{}', '',
       clock_timestamp()
FROM head, generate_series(1, %(many)s) AS n
"""
LONGEST_REFUSAL_SECONDS = 5


async def test_migrations_run_while_others_serve(fleet: Fleet, measured: Measured) -> None:
    """Two servers start at once, and one of them makes an index of the table written to."""
    fleet.run(MANY, {"many": EVENTS})
    environment = fleet.servers[0].environment
    back = manage(
        fleet.home, "migrate", "realtime", "0003", DATABASE_URL=environment["DATABASE_URL"]
    )
    assert back.returncode == 0, back.stderr
    load = Load(fleet, writers=8)

    async with load.running():
        connections = load.connections
        async with asyncio.TaskGroup() as starting:
            for _ in range(2):
                starting.create_task(asyncio.to_thread(fleet.add))
        await load.until_written(40)
        assert load.connections == connections  # no socket was closed

    load.check()
    assert load.statuses <= {201, 503}
    slowest = max(attempt.seconds for attempt in load.attempts)
    assert slowest < LONGEST_REFUSAL_SECONDS
    assert fleet.rows("SELECT count(*) FROM pg_indexes WHERE indexname = 'event_tracked'") == [(1,)]
    refused = sum(attempt.status == 503 for attempt in load.attempts)
    measured("acknowledged meanwhile", len(load.acknowledged))
    measured("answered 503 and sent again", refused)
    measured("slowest answer, s", round(slowest, 1))
