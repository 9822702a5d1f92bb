"""What the original's dashboard asks and hears; it never acknowledges. Contract: hooks 7."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from dcm.lib.threads import in_thread
from tests.factories import make_subtask

READS = [
    "/health",
    "/stats",
    "/api/projects?limit=20&offset=0",
    "/api/requests",
    "/api/tasks",
    "/api/subtasks",
    "/api/actions",
    "/api/actions/hourly",
    "/api/active-sessions",
    "/api/routing/stats",
    "/api/messages/all",
]
MESSAGE = {"from_agent": "lead", "topic": "task.created", "content": {"path": "login.py"}}


@pytest.mark.parametrize("path", READS)
async def test_its_pages_get_their_data(url: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=url) as api:
        reply = await api.get(path, headers={"Origin": "http://localhost:3848"})

    assert reply.status_code == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_its_messages_page_finds_the_names_it_reads(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as api:
        await api.post("/api/messages", json=MESSAGE)
        (message,) = (await api.get("/api/messages/all")).json()["messages"]

    assert message["from_agent_id"] == "lead"
    assert message["message_type"] == "task.created"
    assert message["payload"] == {"path": "login.py"}
    assert {"to_agent_id", "read_by", "created_at", "expires_at"} <= message.keys()


async def test_its_agents_page_finds_the_names_it_reads(url: str) -> None:
    subtask = await in_thread(make_subtask, agent_id="backend-1", status="running")

    async with httpx.AsyncClient(base_url=url) as api:
        (agent,) = (await api.get("/api/active-sessions")).json()["active_agents"]

    assert agent["subtask_id"] == str(subtask.id)
    names = {"description", "session_id", "request_id", "project_path"}
    assert names <= agent.keys()


async def test_its_socket_hears_events_that_it_never_acknowledges(ws_url: str, url: str) -> None:
    heard: list[dict[str, Any]] = []

    async with connect(f"{ws_url}?agent_id=dashboard&session_id=run-1") as socket:
        number = f"{time.time_ns()}"
        about = {"id": number, "timestamp": int(time.time() * 1000)}
        await socket.send(json.dumps({"type": "auth", "agent_id": "dashboard", **about}))
        async with asyncio.timeout(5):
            while (frame := json.loads(await socket.recv())).get("id") != number:
                pass
            assert (frame["type"], frame["success"]) == ("ack", True)
            async with httpx.AsyncClient(base_url=url) as api:
                await api.post("/api/messages", json=MESSAGE)
            while not any(one["event"] == "message.new" for one in heard):
                frame = json.loads(await socket.recv())
                if "event" in frame and "channel" in frame:
                    heard.append(frame)

    assert heard[-1]["channel"] == "global"
    assert heard[-1]["data"]["from"] == "lead"
