"""Hook events as hosts send them, and as they should not. Contract: integrations 1."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from dcm.lib.threads import in_thread
from sessions_app.models import ToolStart
from tests.conftest import Api

HOOKS = "/api/hooks/claude-code"


def event(name: str, **fields: Any) -> dict[str, Any]:
    common = {"session_id": "run-1", "cwd": "/srv/shop", "hook_event_name": name}
    return common | fields


def call(tool_use_id: str = "toolu_1", **fields: Any) -> dict[str, Any]:
    ended = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": tool_use_id}
    return event("PostToolUse", **(ended | fields))


async def actions(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/api/actions?session_id=run-1")).json()["actions"]
    return found


async def take(api: Api, *events: dict[str, Any]) -> None:
    for each in events:
        reply = await api.post(HOOKS, json=each)
        assert (reply.status_code, reply.json()) == (200, {}), reply.text


async def test_a_tool_call_needs_no_session_before_it(api: Api) -> None:
    await take(api, call())

    session = (await api.get("/api/sessions/run-1")).json()
    project = (await api.get("/api/projects/by-path?path=/srv/shop")).json()["project"]
    assert session["project_id"] == project["id"]
    assert project["name"] == "shop"
    assert session["total_tools_used"] == 1


async def test_a_tool_call_that_is_told_twice_is_one_action(api: Api) -> None:
    await asyncio.gather(*(take(api, call()) for _ in range(10)))

    assert len(await actions(api)) == 1
    assert (await api.get("/api/sessions/run-1")).json()["total_tools_used"] == 1


async def test_first_events_of_one_session_make_one_session_and_one_subtask(api: Api) -> None:
    subagent = {"agent_id": "sub-1", "agent_type": "backend-django"}

    await asyncio.gather(*(take(api, call(f"toolu_{n}", **subagent)) for n in range(20)))

    assert len(await actions(api)) == 20
    assert (await api.get("/api/sessions")).json()["total"] == 1
    (subtask,) = (await api.get("/api/subtasks?agent_id=sub-1")).json()["subtasks"]
    assert (subtask["status"], subtask["agent_type"]) == ("running", "backend-django")


async def test_a_failure_keeps_the_exit_code_that_its_error_names(api: Api) -> None:
    await take(
        api,
        call("toolu_1") | {"hook_event_name": "PostToolUseFailure", "error": "Exit code 2: no"},
        call("toolu_2") | {"hook_event_name": "PostToolUseFailure", "error": "killed"},
    )

    assert sorted(each["exit_code"] for each in await actions(api)) == [1, 2]


async def test_a_new_prompt_ends_the_one_before(api: Api) -> None:
    await take(api, event("UserPromptSubmit", prompt="Fix the bug", prompt_id="p1"))
    await take(api, event("UserPromptSubmit", prompt="Fix the bug", prompt_id="p1"))
    await take(api, event("UserPromptSubmit", prompt="Explain it", prompt_id="p2"))

    found = (await api.get("/api/requests?session_id=run-1")).json()["requests"]
    assert [(each["prompt_type"], each["status"]) for each in found] == [
        ("explain", "active"),
        ("debug", "completed"),
    ]


async def test_a_turn_that_failed_fails_its_request(api: Api) -> None:
    await take(api, event("UserPromptSubmit", prompt="Go"), event("StopFailure", error="overload"))

    (request,) = (await api.get("/api/requests?session_id=run-1")).json()["requests"]
    assert request["status"] == "failed"


async def test_agents_that_start_after_all_ended_are_another_wave(api: Api) -> None:
    await take(api, event("UserPromptSubmit", prompt="Go"))

    await take(api, event("SubagentStart", agent_id="a"), event("SubagentStart", agent_id="b"))
    await take(api, event("SubagentStop", agent_id="a"), event("SubagentStop", agent_id="b"))
    await take(api, event("SubagentStart", agent_id="c"))

    waves = (await api.get("/api/tasks")).json()["tasks"]
    assert sorted((each["wave_number"], each["status"]) for each in waves) == [
        (0, "completed"),
        (1, "running"),
    ]


async def test_the_hosts_own_tasks_are_subtasks(api: Api) -> None:
    task = {"task_id": "7", "task_subject": "Write the form", "teammate_name": "mia"}

    await take(api, event("TaskCreated", **task), event("TaskCompleted", **task))

    (subtask,) = (await api.get("/api/subtasks?agent_id=mia")).json()["subtasks"]
    assert (subtask["description"], subtask["status"]) == ("Write the form", "completed")


async def test_a_late_tool_call_does_not_reopen_a_session_that_ended(api: Api) -> None:
    await take(api, call(), event("SessionEnd", reason="other"), call("toolu_2"))

    ended = (await api.get("/api/sessions/run-1")).json()["ended_at"]
    await take(api, event("SessionStart", source="startup"))
    begun = (await api.get("/api/sessions/run-1")).json()["ended_at"]
    assert ended is not None
    assert begun is None


async def test_starts_are_forgotten_once_the_call_has_ended(api: Api) -> None:
    await take(api, call() | {"hook_event_name": "PreToolUse"}, call())

    assert not await in_thread(ToolStart.objects.exists)
    assert (await actions(api))[0]["duration_ms"] >= 0


@pytest.mark.parametrize(
    "name", ["Notification", "CwdChanged", "TeammateIdle", "SomethingNew", "elicitation"]
)
async def test_events_of_no_concern_are_accepted(api: Api, name: str) -> None:
    await take(api, event(name, agent_id=5, extra={"deep": [1, {"a": None}]}))


@pytest.mark.parametrize(
    "field",
    ["tool_name", "tool_input", "tool_use_id", "agent_id", "duration_ms", "cwd", "tool_response"],
)
@pytest.mark.parametrize("value", [5, 1e300, [], {}, None, True, "", "x" * 100_000])
async def test_a_field_of_another_type_is_as_good_as_absent(
    api: Api, field: str, value: Any
) -> None:
    for name in ("PreToolUse", "PostToolUse", "SubagentStart", "SubagentStop"):
        reply = await api.post(HOOKS, json=call(**{field: value}) | {"hook_event_name": name})

        assert reply.status_code == 200, reply.text


async def test_half_characters_and_nul_are_replaced(api: Api) -> None:
    body = json.dumps(call(tool_input={"command": "echo \ud83d\0"})).encode()

    reply = await api.post(HOOKS, content=body)

    assert reply.status_code == 200
    assert len(await actions(api)) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "Invalid JSON body"),
        (b"{", "Invalid JSON body"),
        (b"[]", "Validation failed"),
        (b'"x"', "Validation failed"),
        (b"{}", "Validation failed"),
        (b'{"hook_event_name":"Stop"}', "Validation failed"),
        (b'{"hook_event_name":5,"session_id":"s"}', "Validation failed"),
        (b'{"hook_event_name":"Stop","session_id":""}', "Validation failed"),
    ],
)
async def test_what_is_no_event_is_refused(api: Api, body: bytes, error: str) -> None:
    reply = await api.post(HOOKS, content=body)

    assert (reply.status_code, reply.json()["error"]) == (400, error)


async def test_large_outputs_are_taken_and_cut(api: Api) -> None:
    large = call(tool_response={"stdout": "ä" * settings.MAX_BODY_BYTES})

    await take(api, large)

    too_large = await api.post(HOOKS, content=b" " * (settings.MAX_HOOK_BODY_BYTES + 1))
    assert too_large.status_code == 413
    assert len(await actions(api)) == 1


async def test_a_compacted_agent_gets_a_brief_also_in_an_unknown_session(api: Api) -> None:
    reply = await api.post(
        HOOKS, json=event("SessionStart", source="compact", session_id=str(uuid.uuid4()))
    )

    output = reply.json()["hookSpecificOutput"]
    assert output["hookEventName"] == "SessionStart"
    assert "/srv/shop" in output["additionalContext"]


async def test_hooks_and_requests_for_the_same_waves_do_not_stop_each_other(api: Api) -> None:
    await take(api, event("UserPromptSubmit", prompt="Go"))
    agents = [f"sub-{number}" for number in range(8)]
    await take(api, *(event("SubagentStart", agent_id=agent) for agent in agents))
    (wave,) = (await api.get("/api/tasks")).json()["tasks"]

    async def change_wave() -> int:
        return (await api.patch(f"/api/tasks/{wave['id']}", json={"name": "W"})).status_code

    async def add_subtask() -> int:
        body = {"task_id": wave["id"], "description": "More", "status": "completed"}
        return (await api.post("/api/subtasks", json=body)).status_code

    stops = [take(api, event("SubagentStop", agent_id=agent)) for agent in agents]
    statuses = await asyncio.gather(
        *(change_wave() for _ in range(8)), *(add_subtask() for _ in range(8)), *stops
    )

    assert set(statuses) == {200, 201, None}
    assert (await api.get(f"/api/tasks/{wave['id']}")).json()["task"]["status"] == "completed"


async def test_what_is_told_from_a_record_keeps_its_time(api: Api) -> None:
    then = "2026-01-02T03:04:05.000Z"
    await take(
        api,
        event("UserPromptSubmit", prompt="Add a login form", timestamp=then),
        call(timestamp="2026-01-02T03:05:00Z"),
        event("SessionEnd", timestamp="2026-01-02T03:06:00Z"),
    )

    (action,) = await actions(api)
    session = (await api.get("/api/sessions/run-1")).json()
    (request,) = (await api.get("/api/requests?session_id=run-1")).json()["requests"]
    assert (session["started_at"], session["ended_at"]) == (then, "2026-01-02T03:06:00.000Z")
    assert (request["created_at"], request["completed_at"]) == (then, session["ended_at"])
    assert action["created_at"] == "2026-01-02T03:05:00.000Z"


@pytest.mark.parametrize(
    "told", ["now", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "soon", "", 5, None, "2026-13"]
)
async def test_a_time_that_cannot_be_is_no_matter(api: Api, told: Any) -> None:
    before = datetime.now(UTC)
    value = before.isoformat() if told == "now" else told

    await take(api, call(timestamp=value))

    (action,) = await actions(api)
    recorded = datetime.fromisoformat(action["created_at"])
    assert before - timedelta(seconds=1) <= recorded <= datetime.now(UTC)


async def test_events_of_gemini_are_understood(api: Api) -> None:
    tool = {"tool_name": "run_shell_command", "tool_input": {"command": "ls"}}
    await take(
        api,
        event("BeforeAgent", prompt="Add a login form"),
        event("AfterTool", **tool, tool_response={"llmContent": "a.py"}),
        event("AfterTool", **tool, tool_response={"error": "no such file"}),
        event("AfterAgent", prompt_response="Done"),
    )

    (request,) = (await api.get("/api/requests?session_id=run-1")).json()["requests"]
    assert (request["prompt"], request["status"]) == ("Add a login form", "completed")
    assert sorted(action["exit_code"] for action in await actions(api)) == [0, 1]
