"""Fifty clients at once, on two processes of a server: a message is put before its agent once."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.serve.serving import Serving, several_servers

CLIENTS = 50


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Serving]]:
    with several_servers(2, RATE_LIMIT="0") as running:
        yield running


class Fleet:
    """Clients in turn on both processes."""

    def __init__(self, servers: list[Serving]) -> None:
        limits = httpx.Limits(max_connections=CLIENTS)
        self._clients = [
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{each.port('PORT')}", timeout=60, limits=limits
            )
            for each in servers
        ]
        self._turn = 0

    async def ask(self, method: str, route: str, **options: Any) -> Any:
        self._turn += 1
        client = self._clients[self._turn % len(self._clients)]
        reply = await client.request(method, route, **options)
        assert reply.status_code < 300, reply.text
        return reply.json()

    async def hook(self, session_id: str, name: str, **fields: Any) -> str:
        event = {"hook_event_name": name, "session_id": session_id, "cwd": "/srv/fleet", **fields}
        return json.dumps(await self.ask("POST", "/api/hooks/claude-code", json=event))

    async def send(self, **message: Any) -> str:
        body = {"from_agent": "lead", "topic": "context.request", "content": "x", **message}
        sent = await self.ask("POST", "/api/messages", json=body)
        return str(sent["message"]["id"])

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


async def test_hooks_senders_readers_and_ends_at_once(servers: list[Serving]) -> None:
    fleet = Fleet(servers)
    sessions = [f"many-{n}" for n in range(4)]
    for session_id in sessions:
        await fleet.hook(session_id, "UserPromptSubmit", prompt="Go")
    told: list[str] = []
    sent: list[str] = []

    async def work(n: int) -> None:
        session_id = sessions[n % 4]
        for step in range(4):
            call = {"tool_name": "Bash", "tool_use_id": f"{n}-{step}"}
            if n % 3 == 0:
                sent.append(await fleet.send(to_agent=session_id, from_agent=sessions[(n + 1) % 4]))
            await fleet.hook(session_id, "PreToolUse", **call)
            told.append(await fleet.hook(session_id, "PostToolUse", tool_response="", **call))
            if n % 10 == 1:
                await fleet.ask("GET", f"/api/messages/{session_id}")

    await asyncio.gather(*(work(n) for n in range(CLIENTS)))
    for session_id in sessions:  # what is left goes out, and the ends bury nothing that was seen
        for step in range(20):
            call = {"tool_name": "Bash", "tool_use_id": f"rest-{session_id}-{step}"}
            await fleet.hook(session_id, "PreToolUse", **call)
            told.append(await fleet.hook(session_id, "PostToolUse", tool_response="", **call))

    text = "".join(told)
    times = Counter(text.count(f"[id {id_}") for id_ in sent)
    states: Counter[str] = Counter()
    for id_ in sent:
        found = (await fleet.ask("GET", f"/api/deliveries/{id_}"))["delivery"]
        states[found["state"]] += 1
        assert found["injections"] == text.count(f"[id {id_}")
    await fleet.close()
    assert set(times) <= {0, 1}  # none: it was read from the inbox before
    assert times[1] > 0
    assert sum(states.values()) == states["seen"] + states["queued"]


async def test_numbers_of_a_pair_are_dense_whoever_sends(servers: list[Serving]) -> None:
    fleet = Fleet(servers)

    await asyncio.gather(*(fleet.send(to_agent="dense") for _ in range(CLIENTS)))

    listed = await fleet.ask("GET", "/api/deliveries?to_agent=dense&limit=100")
    await fleet.close()
    assert sorted(each["number"] for each in listed["deliveries"]) == [*range(1, CLIENTS + 1)]


async def test_of_ends_and_hooks_at_once_each_message_has_one_fate(servers: list[Serving]) -> None:
    fleet = Fleet(servers)
    agents = [f"sub-{n}" for n in range(10)]
    for agent_id in agents:
        await fleet.hook("fates", "SubagentStart", agent_id=agent_id)
    sent = {agent_id: await fleet.send(to_agent=agent_id) for agent_id in agents}

    async def call(agent_id: str, n: int) -> str:
        named = {"tool_name": "Bash", "tool_use_id": f"{agent_id}-{n}", "agent_id": agent_id}
        return await fleet.hook("fates", "PostToolUse", tool_response="", **named)

    hooks = [call(agent_id, n) for agent_id in agents for n in range(4)]
    ends = [fleet.hook("fates", "SubagentStop", agent_id=agent_id) for agent_id in agents]
    told = "".join(await asyncio.gather(*hooks, *ends))

    for agent_id, id_ in sent.items():
        state = (await fleet.ask("GET", f"/api/deliveries/{id_}"))["delivery"]["state"]
        was_told = told.count(f"[id {id_}")
        assert (state, was_told) in {("dead", 0), ("dead", 1), ("seen", 1)}, agent_id
    await fleet.close()
