"""Many agents at once: every call is carried out, and each once."""

import asyncio
from typing import Any

import httpx
import pytest

from dcm.lib.threads import in_thread
from tests.conftest import Api, Server
from tests.factories import make_subtask

CLIENTS = 50
ACCEPT = {"Accept": "application/json"}


async def tell(client: httpx.AsyncClient, query: str, name: str, **arguments: Any) -> Any:
    params = {"name": name, "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    reply = await client.post(f"/mcp?{query}", json=body, headers=ACCEPT)
    result = reply.json()["result"]
    assert not result["isError"], result
    return result


@pytest.fixture
async def subtasks() -> list[Any]:
    return [
        await in_thread(make_subtask, agent_id=f"agent-{n % 5}", status="running")
        for n in range(10)
    ]


async def test_fifty_agents_use_every_tool_that_writes(
    server: Server, api: Api, session: str, subtasks: list[Any]
) -> None:
    async def work(client: httpx.AsyncClient, number: int) -> None:
        me = f"agent_id=agent-{number % 5}&session_id={session}"
        await tell(client, me, "report_progress", summary=f"step {number}")
        await tell(client, me, "share", key=f"key-{number % 7}", value=str(number))
        await tell(client, me, "ask", question=f"question {number}")
        await tell(client, me, "decide", decision=f"decision {number}")
        await tell(client, me, "send", message="done", to="lead")
        await tell(client, me, "inbox")

    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        await asyncio.gather(*(work(client, number) for number in range(CLIENTS)))

    base = f"/api/sessions/{session}"
    questions = (await api.get(f"{base}/questions?limit=100")).json()["questions"]
    decisions = (await api.get(f"{base}/decisions?limit=100")).json()["decisions"]
    entries = (await api.get(f"{base}/context")).json()["entries"]
    sent = (await api.get("/api/messages/lead?limit=1000&topic=workflow.progress")).json()
    assert {one["question"] for one in questions} == {f"question {n}" for n in range(CLIENTS)}
    assert {one["decision"] for one in decisions} == {f"decision {n}" for n in range(CLIENTS)}
    assert {one["key"] for one in entries} == {f"key-{n}" for n in range(7)}
    to_lead = [one for one in sent["messages"] if one["to_agent"] == "lead"]
    assert (len(to_lead), sent["count"] - len(to_lead)) == (CLIENTS, CLIENTS)
