"""X-DCM-Seq: a client knows when it has heard what it caused."""

import asyncio
from typing import Any

import httpx

from dcm.lib.threads import in_thread
from tests.conftest import Api, Listen
from tests.factories import make_project
from tests.sockets import Listener

WRITERS = 4
WRITES = 250


def number(reply: httpx.Response) -> int:
    assert reply.status_code < 300, reply.text
    return int(reply.headers["X-DCM-Seq"])


async def hear(listener: Listener, seq: int) -> dict[str, Any]:
    while not (event := await listener.next_event())["id"].endswith(f"_{seq}"):
        pass
    return event


async def test_every_write_is_heard_under_the_number_of_its_reply(api: Api, listen: Listen) -> None:
    """Writers share batches, and each hears its own session only."""

    async def write(session_id: str) -> None:
        listener = await listen(f"sessions/{session_id}", agent_id=session_id)
        await listener.ask(type="unsubscribe", channel="global")
        call = {"tool_name": "Edit", "tool_type": "builtin", "session_id": session_id}
        hook = {"hook_event_name": "PostToolUse", "session_id": session_id, "tool_name": "Edit"}
        for turn in range(WRITES):
            if turn % 10 == 0:
                hook["tool_use_id"] = f"{session_id}-{turn}"
                reply = await api.post("/api/hooks/claude-code", json=hook)
            elif turn % 5 == 0:
                reply = await api.post("/api/actions/batch", json={"actions": [call] * 3})
            else:
                reply = await api.post("/api/actions", json=call)
            event = await hear(listener, number(reply))
            assert event["channel"] in {f"sessions/{session_id}", f"agents/{session_id}"}

    await asyncio.gather(*(write(f"writer-{n}") for n in range(WRITERS)))


async def test_other_writes_say_it_too(api: Api, listen: Listen) -> None:
    listener = await listen()
    message = {"from_agent": "a", "to_agent": "b", "topic": "task.created", "content": {}}

    begun = await api.post("/api/sessions", json={"id": "s"})
    sent = await api.post("/api/messages", json=message)
    asked = await api.post("/api/blocking", json={"blocked_by": "a", "blocked_agent": "b"})
    ended = await api.delete("/api/sessions/s")

    events = [await hear(listener, number(reply)) for reply in (begun, sent, asked, ended)]
    assert [event["event"] for event in events] == [
        "session.created",
        "message.new",
        "agent.blocked",
        "session.deleted",
    ]


async def test_what_published_nothing_says_nothing(api: Api) -> None:
    project = await in_thread(make_project)
    known = {"id": "3f7c1f9e-6a57-4d0e-8c7c-2a4a3a4f5b6c", "tool_name": "Edit"}
    first = await api.post("/api/actions", json=known | {"tool_type": "builtin"})
    replies = [
        await api.get("/api/actions"),
        await api.post("/api/projects", json={"path": project.path}),
        await api.post("/api/sessions", json={}),
        await api.post("/api/actions", json=known | {"tool_type": "builtin"}),
    ]

    assert "X-DCM-Seq" in first.headers
    assert ["X-DCM-Seq" in reply.headers for reply in replies] == [False] * len(replies)
