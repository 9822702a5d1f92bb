"""Restoring after a compaction. Contract: context-briefs 8, 9."""

from typing import Any

import pytest

from dcm.lib.threads import in_thread
from projects.models import Request
from tests.conftest import Api, Listen
from tests.factories import make_request

RESTORE = {"session_id": "s-1", "agent_id": "ag-7"}


async def restore(api: Api, **more: Any) -> dict[str, Any]:
    reply = await api.post("/api/compact/restore", json={**RESTORE, **more})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def status(api: Api, session_id: str = "s-1") -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/api/compact/status/{session_id}")).json()
    return found


async def test_a_restore_is_noted_in_all_requests_and_keeps_what_they_had(api: Api) -> None:
    await in_thread(make_request, session_id="s-1", metadata={"kept": 1})
    await in_thread(make_request, session_id="s-1")
    other = await in_thread(make_request, session_id="s-2")

    reply = await restore(api, compact_summary="Login is done")

    assert (reply["success"], reply["session_compacted"]) == (True, True)
    told = await status(api)
    assert (told["exists"], told["compacted"], told["is_compacted"]) == (True, True, True)
    assert (told["compact_summary"], told["compact_agent"]) == ("Login is done", "ag-7")
    assert told["compacted_at"] == reply["restored_at"]
    marked = await in_thread(lambda: list(Request.objects.filter(session_id="s-1")))
    assert all("compacted_at" in request.metadata for request in marked)
    assert {"kept": 1}.items() <= marked[0].metadata.items() | marked[1].metadata.items()
    assert (await in_thread(Request.objects.get, id=other.id)).metadata == {}


async def test_the_summary_follows_the_brief_whole(api: Api) -> None:
    summary = "What happened. " * 2_000

    reply = await restore(api, compact_summary=summary, max_tokens=100)

    assert summary.strip() in reply["brief"]


async def test_the_agent_gets_a_notice_that_no_brief_repeats(api: Api, listen: Listen) -> None:
    backend = await listen("agents/ag-7")

    await restore(api)
    told = await backend.next_event("message.new", channel="agents/ag-7")
    again = await restore(api)

    assert (told["data"]["from"], told["data"]["topic"]) == (
        "context-manager",
        "context.generated",
    )
    assert [source for source in again["sources"] if source["type"] == "message"] == []
    inbox = (await api.get("/api/messages/ag-7")).json()["messages"]
    assert inbox[0]["content"]["session_id"] == "s-1"
    assert inbox[0]["priority"] == 5


async def test_the_type_is_inferred(api: Api) -> None:
    reply = await restore(api, agent_id="tech-lead")

    assert reply["brief"].startswith("# Orchestrator brief")


async def test_a_request_after_the_restore_does_not_hide_it(api: Api) -> None:
    await in_thread(make_request, session_id="s-1")
    await restore(api)
    await in_thread(make_request, session_id="s-1")

    assert (await status(api))["compacted"] is True


async def test_unknown_sessions_are_restored_and_not_compacted(api: Api) -> None:
    assert (await restore(api))["session_compacted"] is False
    assert await status(api) == {
        "session_id": "s-1",
        "exists": False,
        "compacted": False,
        "is_compacted": False,
    }


async def test_a_session_without_requests_exists(api: Api) -> None:
    await api.post("/api/sessions", json={"id": "s-1"})

    assert (await status(api))["exists"] is True


@pytest.mark.parametrize(
    "wrong",
    [
        {"session_id": ""},
        {"agent_id": None},
        {"agent_id": 5},
        {"max_tokens": 99},
        {"max_tokens": 8_001},
        {"max_tokens": "100"},
        {"compact_summary": ["x"]},
        {"compact_summary": "\0"},
    ],
)
async def test_odd_bodies_are_refused_by_name(api: Api, wrong: dict[str, Any]) -> None:
    reply = await api.post("/api/compact/restore", json={**RESTORE, **wrong})

    assert (reply.status_code, reply.json()["error"]) == (400, "Validation failed")
    assert list(reply.json()["details"]) == list(wrong)
