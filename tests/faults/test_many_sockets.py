"""Four servers, two hundred sockets, twenty writers: everybody hears all that is for them."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.faults.figures import Measured
from tests.faults.redis import Redis
from tests.serve.serving import Serving, several_servers

SERVERS, SOCKETS, WRITERS = 4, 200, 20
LOAD_SECONDS = 10.0
PAUSE_SECONDS = 0.2
LONGEST_CATCH_UP_SECONDS = 20.0


@pytest.fixture
def servers(redis: Redis) -> Iterator[list[Serving]]:
    with several_servers(SERVERS, REDIS_URL=redis.url) as servers:
        yield servers


class Hearing:
    """A socket and what it heard: of everybody on `global`, of one session on its own channel."""

    def __init__(self, url: str, session_id: str) -> None:
        self.url = url
        self.session_id = session_id
        self.ready = asyncio.Event()
        self.heard: dict[str, list[str]] = {"global": [], f"sessions/{session_id}": []}
        self.actions: dict[str, str] = {}  # event -> action

    async def hear(self) -> None:
        """Until cancelled."""
        async with connect(f"{self.url}/?ack=none", max_size=None) as socket:
            identity = {"agent_id": f"of-{self.session_id}", "session_id": self.session_id}
            await socket.send(json.dumps({"type": "auth", "id": 1, **identity}))
            await socket.send(json.dumps({"type": "ping", "id": 2}))
            async for text in socket:
                self._take(json.loads(text))

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "pong":
            self.ready.set()
        elif frame.get("event") == "action.created":
            self.heard[frame["channel"]].append(frame["id"])
            self.actions[frame["id"]] = frame["data"]["id"]


async def write(url: str, session_id: str, until: asyncio.Event) -> list[str]:
    """Record actions of this session; the ids of those that were answered 201."""
    stored = []
    action = {"tool_name": "Edit", "tool_type": "builtin", "session_id": session_id}
    async with httpx.AsyncClient(base_url=url, timeout=20) as http:
        while not until.is_set():
            reply = await http.post("/api/actions", json=action)
            assert reply.status_code == 201, reply.text
            stored.append(reply.json()["action"]["id"])
            await asyncio.sleep(PAUSE_SECONDS)
    return stored


def number(event_id: str) -> int:
    return int(event_id.rpartition("_")[2])


async def test_every_socket_hears_all_that_is_for_it_once_and_in_order(
    servers: list[Serving], measured: Measured
) -> None:
    sessions = [f"s-{n}" for n in range(WRITERS)]
    hearings = [
        Hearing(f"ws://127.0.0.1:{servers[n % SERVERS].port('WS_PORT')}", sessions[n % WRITERS])
        for n in range(SOCKETS)
    ]
    hearing = [asyncio.create_task(each.hear()) for each in hearings]
    try:
        async with asyncio.timeout(45):
            await asyncio.gather(*(each.ready.wait() for each in hearings))
        ends = asyncio.Event()
        writing = [
            asyncio.create_task(
                write(f"http://127.0.0.1:{servers[n % SERVERS].port('PORT')}", session_id, ends)
            )
            for n, session_id in enumerate(sessions, start=1)  # another server than most listeners
        ]
        await asyncio.sleep(LOAD_SECONDS)
        ends.set()
        stored = dict(zip(sessions, await asyncio.gather(*writing), strict=True))
        everything = {action for actions in stored.values() for action in actions}
        async with asyncio.timeout(LONGEST_CATCH_UP_SECONDS):
            while not all(everything <= set(each.actions.values()) for each in hearings):
                await asyncio.sleep(0.1)
    finally:
        for task in hearing:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*hearing)

    assert len(everything) > WRITERS * 10
    for each in hearings:
        own = each.heard[f"sessions/{each.session_id}"]
        assert {each.actions[event_id] for event_id in own} == set(stored[each.session_id])
        assert set(each.actions.values()) == everything
        for heard in each.heard.values():
            numbers = [number(event_id) for event_id in heard]
            assert numbers == sorted(set(numbers))
        assert len(set(each.actions.values())) == len(each.actions)
    assert len({tuple(each.heard["global"]) for each in hearings}) == 1
    measured("servers", SERVERS)
    measured("sockets", SOCKETS)
    measured("frames, each once and in order", sum(map(frames, hearings)))


def frames(hearing: Hearing) -> int:
    return sum(map(len, hearing.heard.values()))
