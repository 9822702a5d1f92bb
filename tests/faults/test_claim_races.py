"""Fifty agents at several server processes claim from the same work, round after round."""

import asyncio
import contextlib
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.serve.serving import Serving, database_url, several_servers

AGENTS = 50
ROUNDS, FEWEST_ROUNDS, SECONDS = 200, 20, 30
SUBTASKS = (1, 7, 30, 50)
BEGIN = """
WITH project AS (
  INSERT INTO projects_project (id, path, metadata, created_at, updated_at)
  VALUES (gen_random_uuid(), '/srv/shop', '{}', now(), now()) RETURNING id
), request AS (
  INSERT INTO projects_request (id, project_id, session_id, prompt, status, created_at, metadata)
  SELECT gen_random_uuid(), id, 'run-1', 'All of it', 'active', now(), '{}' FROM project
  RETURNING id
)
INSERT INTO projects_task (id, request_id, wave_number, status, created_at)
SELECT gen_random_uuid(), id, 0, 'running', now() FROM request RETURNING id
"""
ADD = """
INSERT INTO projects_subtask (id, task_id, description, status, blocked_by, created_at)
SELECT gen_random_uuid(), %s, 'Write it', 'pending', '{}', now() FROM generate_series(1, %s)
RETURNING id
"""


@pytest.fixture
def servers() -> Iterator[list[Serving]]:
    with several_servers(2) as servers:
        yield servers


@pytest.fixture
async def clients(servers: list[Serving]) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            httpx.AsyncClient(base_url=server.http.base_url, timeout=30) for server in servers
        ]
        yield [await stack.enter_async_context(client) for client in clients]


async def test_each_subtask_is_claimed_exactly_once(
    servers: list[Serving], clients: list[httpx.AsyncClient]
) -> None:
    ends_at = time.monotonic() + SECONDS
    with psycopg.connect(database_url(servers[0].home), autocommit=True) as database:
        (task_id,) = database.execute(BEGIN).fetchone() or ()
        done = 0
        while done < ROUNDS and (time.monotonic() < ends_at or done < FEWEST_ROUNDS):
            added = SUBTASKS[done % len(SUBTASKS)]
            rows = database.execute(ADD, [task_id, added]).fetchall()

            replies = await asyncio.gather(
                *(
                    clients[n % len(clients)].post("/api/claims", json={"agent_id": f"ag-{n}"})
                    for n in range(AGENTS)
                )
            )

            wanted = {201: added, 200: AGENTS - added}
            assert Counter(reply.status_code for reply in replies) == Counter(wanted)
            assert sorted(ids(replies)) == sorted(row[0] for row in rows)
            done += 1
        tokens = database.execute("SELECT count(*), count(DISTINCT token) FROM projects_claim")
        claims, distinct = tokens.fetchone() or (0, 0)

    assert claims == distinct == sum(SUBTASKS[n % len(SUBTASKS)] for n in range(done))


def ids(replies: list[Any]) -> list[uuid.UUID]:
    claims = [reply.json()["claim"] for reply in replies]
    return [uuid.UUID(each["subtask_id"]) for each in claims if each]
