"""Agents come and go over two servers, one of which dies: each coming and going is told once."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from websockets.asyncio.client import connect

from tests.serve.serving import Serving, database_url, several_servers

AGENTS = 50
FLAPS = 200
AT_ONCE = 8
PATIENCE_SECONDS = 20


@pytest.fixture
def servers() -> Iterator[list[Serving]]:
    with several_servers(2) as servers:
        yield servers


class Watcher:
    """Counts, on `global`, who came and who went. told: (event, client) -> how often."""

    def __init__(self) -> None:
        self.told: Counter[tuple[str, str]] = Counter()
        self.ready = asyncio.Event()

    async def watch(self, url: str) -> None:
        async with connect(url, max_size=None) as socket:
            async for text in socket:
                self.ready.set()
                frame: dict[str, Any] = json.loads(text)
                if frame.get("event") in ("agent.connected", "agent.disconnected"):
                    self.told[frame["event"], frame["data"]["client_id"]] += 1

    def count(self, event: str) -> int:
        return sum(name == event for name, _ in self.told)

    async def until(self, event: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.count(event) < count:
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def watching(server: Serving) -> AsyncIterator[Watcher]:
    watcher = Watcher()
    task = asyncio.create_task(watcher.watch(ws(server)))
    try:
        await asyncio.wait_for(watcher.ready.wait(), PATIENCE_SECONDS)
        yield watcher
    finally:
        task.cancel()


def ws(server: Serving) -> str:
    return f"ws://127.0.0.1:{server.port('WS_PORT')}"


@contextlib.asynccontextmanager
async def present(server: Serving, agent_id: str) -> AsyncIterator[None]:
    """A socket of this agent, which was told and reads all that comes."""
    known = asyncio.Event()

    async def read() -> None:
        async for text in socket:
            frame = json.loads(text)
            if frame.get("event") == "agent.connected" and frame["data"]["client_id"] == client_id:
                known.set()

    async with connect(ws(server), max_size=None) as socket:
        client_id = json.loads(await socket.recv())["client_id"]
        await socket.send(json.dumps({"type": "auth", "agent_id": agent_id}))
        reading = asyncio.create_task(read())
        try:
            await asyncio.wait_for(known.wait(), PATIENCE_SECONDS)
            yield
        finally:
            reading.cancel()


def end_leases_of_the_dead(server: Serving, pid: int) -> int:
    """As if a minute had passed; how many there were."""
    with psycopg.connect(database_url(server.home)) as link:
        return link.execute(
            "UPDATE realtime_presence SET expires_at = now() - interval '1 second'"
            " WHERE process LIKE %s",
            [f"%:{pid}"],
        ).rowcount


def agent(server: Serving, agent_id: str) -> tuple[bool, int]:
    """Whether it is online, and how many connections it has."""
    reply = server.http.get(f"/api/agents/{agent_id}")
    if reply.status_code == 404:  # it has done nothing but to connect, so nothing is left of it
        return False, 0
    found = reply.json()["agent"]
    return found["online"], found["connections"]


async def test_agents_of_a_server_that_dies_are_told_once(servers: list[Serving]) -> None:
    survivor, victim = servers
    async with watching(survivor) as watcher, contextlib.AsyncExitStack() as stack:
        for number in range(AGENTS):
            await stack.enter_async_context(present(servers[number % 2], f"agent-{number}"))
        await watcher.until("agent.connected", AGENTS)

        victim.process.kill()
        victim.process.wait(5)
        there = await asyncio.to_thread(agent, survivor, "agent-1")
        lost = await asyncio.to_thread(end_leases_of_the_dead, survivor, victim.process.pid)
        await watcher.until("agent.disconnected", AGENTS // 2)
        gone = await asyncio.to_thread(agent, survivor, "agent-1")
        stays = await asyncio.to_thread(agent, survivor, "agent-0")
        for _ in range(AGENTS // 2):  # those that came back elsewhere
            await stack.enter_async_context(present(survivor, "agent-1"))
        await watcher.until("agent.connected", AGENTS + AGENTS // 2)
        back = await asyncio.to_thread(agent, survivor, "agent-1")

    assert (there, gone, stays, back) == ((True, 1), (False, 0), (True, 1), (True, AGENTS // 2))
    assert lost == AGENTS // 2
    assert set(watcher.told.values()) == {1}


async def test_an_agent_that_comes_and_goes_all_the_time_is_told_each_time(
    servers: list[Serving],
) -> None:
    async with watching(servers[0]) as watcher:

        async def flap(times: int, number: int) -> None:
            for turn in range(times):
                async with present(servers[(turn + number) % 2], "flapping"):
                    pass

        await asyncio.gather(*(flap(FLAPS // AT_ONCE, number) for number in range(AT_ONCE)))
        await watcher.until("agent.disconnected", FLAPS)
        left = await asyncio.to_thread(agent, servers[0], "flapping")
        async with present(servers[1], "flapping"):
            await watcher.until("agent.connected", FLAPS + 1)
            there = await asyncio.to_thread(agent, servers[0], "flapping")

    assert (left, there) == ((False, 0), (True, 1))
    assert set(watcher.told.values()) == {1}
    assert watcher.count("agent.connected") == FLAPS + 1
