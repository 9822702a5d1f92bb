"""A server whose clock is wrong or jumps neither deletes what is kept nor tells what is not so."""

import asyncio
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.figures import Measured
from tests.faults.fleet import Fleet, Member, fleet_of
from tests.faults.load import Load
from tests.sockets import Listener

SIXTY_DAYS = 60 * 24 * 3600
CLOCK = str(Path(__file__).parent / "clock")
SWEEP_SECONDS = 6  # sockets are looked after every five
KEPT = (
    *("projects_action", "messaging_message", "idempotency_storedreply", "realtime_presence"),
    *("realtime_acknowledged", "realtime_rememberedchannel", "sessions_app_coordinatedagent"),
    *("projects_lease", "realtime_loggedevent"),
)
ENDINGS = ["agent.disconnected", "agent.left", "lease.expired", "message.expired"]


@pytest.fixture
def clocks() -> Iterator[Fleet]:
    """One server; a second one is to come."""
    with fleet_of([], ACTION_RETENTION_DAYS="30") as fleet:
        yield fleet


def late(fleet: Fleet) -> Member:
    """A server that is sixty days ahead, and with a SIGUSR2 sixty days behind."""
    jumps = f"{SIXTY_DAYS},{-2 * SIXTY_DAYS}"
    return fleet.add(ACTION_RETENTION_DAYS="30", PYTHONPATH=CLOCK, CLOCK_JUMPS=jumps)


def post(server: Member, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = server.http.post(path, json=body, headers={"Idempotency-Key": f"{path} {body}"})
    assert reply.status_code in (200, 201), reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def leave_rows(server: Member) -> None:
    """Of all kinds that something sweeps."""
    post(server, "/api/sessions", {"id": "s"})
    post(server, "/api/actions", {"tool_name": "Edit", "tool_type": "builtin", "session_id": "s"})
    joining = {"name": "reviewer", "role": "source", "repo_path": "/srv/shop"}
    post(server, "/api/sessions/s/agents", joining)
    project = post(server, "/api/projects", {"path": "/srv/shop"})["project"]["id"]
    post(server, "/api/leases", {"project_id": project, "agent_id": "a", "patterns": ["src/**"]})


def send(server: Member, text: str) -> None:
    note = {"from_agent": "a", "to_agent": "b", "topic": "task.created", "content": {"text": text}}
    post(server, "/api/messages", note)


def texts(server: Member) -> list[str]:
    """What waits for b alone."""
    query = {"mark_read": "false", "include_broadcasts": "false"}
    inbox = server.http.get("/api/messages/b", params=query).json()
    return sorted(message["content"]["text"] for message in inbox["messages"])


def counts(fleet: Fleet) -> dict[str, int]:
    return {table: fleet.rows(f"SELECT count(*) FROM {table}")[0][0] for table in KEPT}


async def test_a_server_with_a_wrong_clock_harms_nothing(clocks: Fleet, measured: Measured) -> None:
    right = clocks.servers[0]
    async with Listener.open(right.ws_url) as agent:
        await agent.authenticate("b")
        await agent.subscribe("topics/task.created")
        await asyncio.to_thread(leave_rows, right)
        await asyncio.to_thread(send, right, "before")
        waiting = await agent.next_event("message.new", channel="agents/b")
        await agent.send(type="ack", message_id=waiting["id"])
        await agent.heard()
        await asyncio.sleep(1.5)  # acknowledgements are stored every second
        before = counts(clocks)
        assert all(before.values()), before

        wrong = await asyncio.to_thread(late, clocks)  # sweeps everything at its start
        async with Listener.open(wrong.ws_url) as other:  # so that it looks after sockets, too
            ahead = (await other.next_frame())["timestamp"] - 1000 * datetime.now(UTC).timestamp()
            load = Load(clocks)
            async with load.running():
                await asyncio.to_thread(send, wrong, "ahead")
                await asyncio.sleep(SWEEP_SECONDS)
                wrong.process.send_signal(signal.SIGUSR2)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(send, wrong, "behind")
                await asyncio.sleep(SWEEP_SECONDS)
            after = counts(clocks)
        inboxes = [await asyncio.to_thread(texts, server) for server in clocks.servers]
        online = right.http.get("/api/agents/b").json()["agent"]["online"]
        ended = clocks.rows("SELECT type FROM realtime_loggedevent WHERE type = ANY(%s)", [ENDINGS])

    load.check()
    assert ahead > 1000 * (SIXTY_DAYS - 3600)
    assert {table: n for table, n in after.items() if n < before[table]} == {}
    assert inboxes == [["ahead", "before", "behind"]] * 2
    assert online
    assert ended == []
    lives = clocks.rows("SELECT expires_at - now() FROM messaging_message")
    assert all(timedelta(minutes=50) < life <= timedelta(hours=1) for (life,) in lives)
    measured("days that a clock was ahead, then behind", SIXTY_DAYS // 86_400)
    measured("acknowledged meanwhile", len(load.acknowledged))
