"""A client that does not read harms nobody, and can come back."""

import asyncio
import json
import socket as sockets
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect

from tests.faults.figures import Measured
from tests.serve.serving import Serving, temporary_home
from tests.sockets import Listener

EVENTS = 20_000
BATCH = 500
CUT_OFF_SECONDS = 15
MOST_GROWTH_BYTES = 50 * 2**20


@pytest.fixture
def serving() -> Iterator[Serving]:
    with temporary_home() as home, Serving(home) as running:
        yield running


async def flood(serving: Serving) -> None:
    """EVENTS events on the session's channel."""
    action = {"tool_name": "Edit", "tool_type": "builtin", "session_id": "s", "input": "x"}
    url = f"http://127.0.0.1:{serving.port('PORT')}/api/actions/batch"
    async with httpx.AsyncClient(timeout=30) as http:
        for _ in range(EVENTS // BATCH):
            reply = await http.post(url, json={"actions": [action] * BATCH})
            assert reply.status_code == 201, reply.text


async def connected(serving: Serving) -> int:
    """How many sockets the server has."""
    async with httpx.AsyncClient() as http:
        reply = await http.get(f"http://127.0.0.1:{serving.port('WS_PORT')}/stats")
        return int(reply.json()["connectedClients"])


async def count(url: str, event: str, wanted: int) -> list[str]:
    """The ids of so many events, read as they come."""
    found: list[str] = []
    async with connect(url, max_size=None) as socket:
        while len(found) < wanted:
            frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 20))
            if frame.get("event") == event:
                found.append(frame["id"])
    return found


async def test_a_client_that_stops_reading_is_cut_off_and_resumes(
    serving: Serving, measured: Measured
) -> None:
    url = f"ws://127.0.0.1:{serving.port('WS_PORT')}"
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", serving.port("WS_PORT")))
    deaf = await connect(url, sock=raw, max_queue=1)
    server = psutil.Process(serving.process.pid)
    async with Listener.open(url) as listener:
        await listener.next_frame()
        reading = asyncio.create_task(count(f"{url}/?ack=none", "action.created", EVENTS))
        await asyncio.sleep(0.2)
        before = server.memory_info().rss
        start = await listener.ask(type="ping")

        await flood(serving)
        heard = await reading

        grown = server.memory_info().rss - before
        assert start["type"] == "pong"
        async with asyncio.timeout(CUT_OFF_SECONDS):
            while await connected(serving) > 1:  # the listener stays
                await asyncio.sleep(0.2)
    missed = await count(f"{url}/?since=10m&ack=none", "action.created", EVENTS)
    deaf.transport.abort()

    assert len(set(heard)) == EVENTS
    assert missed == heard
    assert grown < MOST_GROWTH_BYTES
    measured("events while it did not read", EVENTS)
    measured("memory that took, MB", round(grown / 2**20))
