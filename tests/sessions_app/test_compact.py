"""Compactions: begun, ended, restored, told of. Contract: context-briefs 8, 9."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dcm.lib.threads import in_thread
from messaging.models import Message
from projects.models import Request, Subtask
from sessions_app.models import Compaction
from tests.conftest import Api, Listen
from tests.factories import make_action, make_request, make_subtask, make_task

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


# --- from the host's beginning to the restore ---------------------------------------------------

HOOKS = "/api/hooks/claude-code"


async def hook(api: Api, name: str, **fields: Any) -> dict[str, Any]:
    body = {"hook_event_name": name, "session_id": "s-1", "cwd": "/srv/shop", **fields}
    reply = await api.post(HOOKS, json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def history(api: Api, **query: Any) -> list[dict[str, Any]]:
    reply = await api.get("/api/compact/history/s-1", params=query)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["compactions"]
    return found


async def test_a_compaction_keeps_how_things_stood(api: Api) -> None:
    await hook(api, "UserPromptSubmit", prompt="Add login")
    edit = {"tool_name": "Edit", "tool_input": {"file_path": "/srv/shop/login.py"}}
    await hook(api, "PostToolUse", tool_use_id="t-1", **edit)
    await hook(api, "SubagentStart", agent_id="sub-1", agent_type="qa-testing")
    decision = {"agent_id": "lead", "decision": "Drop v1"}
    await api.post("/api/sessions/s-1/decisions", json=decision)

    await hook(api, "PreCompact", trigger="auto")

    (kept,) = await history(api)
    assert (kept["number"], kept["trigger"], kept["compacted_at"]) == (1, "auto", None)
    snapshot = kept["snapshot"]
    assert snapshot["request"]["prompt"] == "Add login"
    assert snapshot["files"] == ["/srv/shop/login.py"]
    assert [each["agent_id"] for each in snapshot["subtasks"]] == ["sub-1"]
    assert [each["text"] for each in snapshot["decisions"]] == ["Drop v1"]
    told = await status(api)
    assert (told["compacted"], told["begun"], told["compactions"]) == (False, True, 0)


async def test_the_brief_after_it_takes_up_what_it_kept(api: Api) -> None:
    await hook(api, "UserPromptSubmit", prompt="Add login")
    edit = {"tool_name": "Edit", "tool_input": {"file_path": "/srv/shop/login.py"}}
    await hook(api, "PostToolUse", tool_use_id="t-1", **edit)
    await hook(api, "SubagentStart", agent_id="sub-1", agent_type="qa-testing")
    await hook(api, "PreCompact", trigger="manual")
    await hook(api, "PostCompact", compact_summary="Login is half done")
    await hook(api, "SubagentStop", agent_id="sub-1", last_assistant_message="All green")
    await hook(api, "UserPromptSubmit", prompt="And logout")
    await api.delete("/api/actions/by-session/s-1")

    reply = await hook(api, "SessionStart", source="compact")

    content = reply["hookSpecificOutput"]["additionalContext"]
    assert "And logout" in content
    assert 'Before the compaction: "Add login"' in content
    assert "COMPLETED since the compaction" in content
    assert "login.py" in content
    assert "Login is half done" not in content, "the host has that itself"
    told = await status(api)
    assert (told["compacted"], told["begun"], told["compactions"]) == (True, False, 1)
    assert told["compact_summary"] == "Login is half done"
    assert told["restored_at"] is not None


async def test_a_restore_by_hand_gives_the_hosts_summary_too(api: Api) -> None:
    await hook(api, "UserPromptSubmit", prompt="Add login")
    await hook(api, "PreCompact")
    await hook(api, "PostCompact", compact_summary="Login is half done")

    reply = await restore(api)

    assert reply["brief"].endswith("Login is half done\n")
    assert (await status(api))["compact_summary"] == "Login is half done"


async def test_compactions_of_a_session_are_numbered(api: Api) -> None:
    await hook(api, "UserPromptSubmit", prompt="Add login")
    for summary in ("one", "two", "three"):
        await hook(api, "PreCompact")
        await hook(api, "PostCompact", compact_summary=summary)
        await hook(api, "SessionStart", source="compact")

    found = await history(api)

    assert [(each["number"], each["summary"]) for each in found] == [
        (3, "three"),
        (2, "two"),
        (1, "one"),
    ]
    assert [each["restores"] for each in found] == [1, 1, 1]
    assert [each["number"] for each in await history(api, limit=1, offset=1)] == [2]
    assert (await status(api))["compactions"] == 3


async def test_telling_the_beginning_twice_is_one_compaction(api: Api) -> None:
    await hook(api, "PreCompact")
    await hook(api, "PreCompact")
    await hook(api, "PostCompact", compact_summary="S")
    await hook(api, "PostCompact", compact_summary="S")

    assert [each["number"] for each in await history(api)] == [1]


async def test_a_restore_sent_again_notifies_once(api: Api) -> None:
    await in_thread(make_request, session_id="s-1")

    replies = [await restore(api, compact_summary="S") for _ in range(3)]

    assert all(reply["session_compacted"] for reply in replies)
    assert await in_thread(Message.objects.count) == 1
    ((number, restores),) = [(each["number"], each["restores"]) for each in await history(api)]
    assert (number, restores) == (1, 3)


async def test_a_restore_with_another_summary_is_another_compaction(api: Api) -> None:
    await in_thread(make_request, session_id="s-1")

    await restore(api, compact_summary="first")
    await restore(api, compact_summary="second")
    await restore(api)

    assert [each["summary"] for each in await history(api)] == ["second", "first"]
    assert await in_thread(Message.objects.count) == 2


async def test_a_late_restore_without_a_summary_is_another_compaction(api: Api) -> None:
    await restore(api)
    long_ago = timezone.now() - timedelta(hours=1)
    await in_thread(lambda: Compaction.objects.update(restored_at=long_ago))

    await restore(api)

    assert [each["number"] for each in await history(api)] == [2, 1]


async def test_fifty_restores_at_once_are_one(api: Api) -> None:
    await in_thread(make_request, session_id="s-1")

    await asyncio.gather(*(restore(api, compact_summary="S") for _ in range(50)))

    assert await in_thread(Message.objects.count) == 1
    assert [each["restores"] for each in await history(api)] == [50]


async def test_compactions_of_many_agents_at_once_are_numbered_without_a_gap(api: Api) -> None:
    await asyncio.gather(*(restore(api, agent_id=f"ag-{number}") for number in range(30)))

    found = [each["number"] for each in await history(api, limit=100)]

    assert found == list(range(30, 0, -1))


async def test_a_decision_of_long_ago_is_still_told_after_the_restore(api: Api) -> None:
    room = "/api/sessions/s-1/decisions"
    await api.post(room, json={"agent_id": "ag-7", "decision": "Tokens live for an hour"})
    await hook(api, "PreCompact")
    for number in range(70):
        await api.post(room, json={"agent_id": "x", "decision": f"Invoices {number}"})

    reply = await restore(api, max_tokens=8_000)

    assert "Tokens live for an hour" in reply["brief"]


async def test_the_history_of_an_unknown_session_is_empty(api: Api) -> None:
    reply = (await api.get("/api/compact/history/s-9")).json()

    assert (reply["session_id"], reply["compactions"], reply["total"]) == ("s-9", [], 0)


async def test_a_snapshot_stays_small(api: Api) -> None:
    def work() -> None:
        request = make_request(session_id="s-1", prompt="p" * 1_000_000)
        wave = make_task(request=request)
        for number in range(100):
            mine = make_subtask(
                task=wave, agent_id="s-1", status="running", description="d" * 20_000
            )
            make_action(
                subtask=mine, session_id="s-1", tool_name="Edit", file_paths=[f"/srv/{number}.py"]
            )

    await in_thread(work)

    await hook(api, "PreCompact")

    kept = await in_thread(Compaction.objects.get)
    assert len(str(kept.snapshot)) < 50_000
    assert await in_thread(Subtask.objects.count) == 100
