"""Who an agent is and in what state, as its hooks tell."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dcm.lib.threads import in_thread
from messaging.models import Agent
from messaging.names import names_for
from messaging.services.registry import note_silence
from tests.conftest import Api, Listen
from tests.messaging.host import HOOKS, Host


@pytest.mark.parametrize(
    ("name", "fields", "state", "reason"),
    [
        ("SessionStart", {"source": "startup"}, "idle", "began (startup)"),
        ("UserPromptSubmit", {"prompt": "Go"}, "working", "was given a prompt"),
        ("PreToolUse", {"tool_name": "Bash"}, "working", "went on with Bash"),
        ("PostToolUse", {"tool_name": "Bash"}, "working", "went on with Bash"),
        (
            "PreToolUse",
            {"tool_name": "AskUserQuestion"},
            "waiting",
            "asks the user by AskUserQuestion",
        ),
        (
            "Notification",
            {"notification_type": "permission_prompt"},
            "waiting",
            "waits for the user's permission or answer",
        ),
        (
            "Notification",
            {"message": "Claude needs your permission to use Bash"},
            "waiting",
            "waits for the user's permission or answer",
        ),
        ("Notification", {"notification_type": "idle_prompt"}, "idle", "waits for a prompt"),
        ("Stop", {}, "idle", "finished its turn"),
        ("StopFailure", {"error": "overloaded"}, "idle", "its turn failed (overloaded)"),
    ],
)
async def test_each_hook_says_how_its_agent_is(
    api: Api, name: str, fields: dict[str, Any], state: str, reason: str
) -> None:
    host = Host(api)

    await host.hook(name, **fields)

    agent = await host.agent()
    assert (agent["state"], agent["reason"]) == (state, reason)
    assert agent["state_since"] is not None


async def test_a_state_is_announced_when_it_changes_and_only_then(api: Api, listen: Listen) -> None:
    hears = await listen("agents/run-1")
    host = Host(api)

    await host.hook("UserPromptSubmit", prompt="Go")
    since = (await host.agent())["state_since"]
    for _ in range(3):
        await host.call()
    same = (await host.agent())["state_since"]
    await host.hook("Notification", notification_type="permission_prompt")
    await host.call()
    await host.hook("SessionEnd", reason="other")

    told = [await hears.next_event("agent.state", channel="agents/run-1") for _ in range(4)]
    assert [each["data"]["state"] for each in told] == ["working", "waiting", "working", "ended"]
    assert told[-1]["data"]["reason"] == "its session ended (other)"
    assert since == same


async def test_a_subagent_has_its_own_state_and_the_parent_that_started_it(api: Api) -> None:
    host = Host(api)
    await host.hook("SessionStart", source="startup", model="opus")
    await host.hook("SubagentStart", agent_id="sub-1", agent_type="reviewer")
    before = await host.agent("sub-1")
    agent_tool = {"tool_name": "Agent", "tool_input": {"subagent_type": "reviewer"}}

    await host.hook(
        "PostToolUse",
        **agent_tool,
        tool_use_id="t1",
        tool_response={"agentId": "sub-1", "status": "async_launched", "resolvedModel": "haiku"},
    )
    during = await host.agent("sub-1")
    await host.hook("SubagentStop", agent_id="sub-1", agent_type="reviewer")

    assert (before["parent"], before["state"]) == (None, "working")
    assert (during["parent"], during["model"], during["agent_type"]) == (
        "run-1",
        "haiku",
        "reviewer",
    )
    assert (await host.agent("sub-1"))["state"] == "ended"
    assert (await host.agent())["model"] == "opus"


async def test_a_session_that_ends_ends_its_agents_also_by_rest(api: Api) -> None:
    hooks, rest = Host(api, "run-1"), Host(api, "run-2")
    for host in (hooks, rest):
        await host.hook("UserPromptSubmit", prompt="Go")
        await host.hook("SubagentStart", agent_id=f"sub-{host.session_id}")

    await hooks.hook("SessionEnd", reason="clear")
    await api.patch("/api/sessions/run-2", json={"ended_at": "2026-03-04T05:06:07Z"})

    for host in (hooks, rest):
        for agent_id in (host.session_id, f"sub-{host.session_id}"):
            assert (await host.agent(agent_id))["state"] == "ended"


async def test_a_hook_that_comes_late_brings_nobody_back_but_a_beginning_does(api: Api) -> None:
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    name = (await host.agent())["name"]
    await host.hook("SessionEnd", reason="other")

    await host.call()
    late = (await host.agent())["state"]
    await host.hook("SessionStart", source="resume")

    assert late == "ended"
    agent = await host.agent()
    assert (agent["state"], agent["name"]) == ("idle", name)
    assert await in_thread(Agent.objects.count) == 1


async def test_who_is_silent_at_work_is_stale_until_it_is_heard_of(
    api: Api, listen: Listen
) -> None:
    hears = await listen("agents/run-1")
    host, idle = Host(api), Host(api, "run-2")
    await host.hook("UserPromptSubmit", prompt="Go")
    await idle.hook("Stop")
    await in_thread(Agent.objects.update, seen_at=timezone.now() - timedelta(minutes=16))

    assert await in_thread(note_silence) == 1

    stale = await host.agent()
    assert (stale["state"], stale["reason"]) == ("stale", "silent; before, it was given a prompt")
    assert (await idle.agent())["state"] == "idle"
    await host.call()
    assert (await host.agent())["state"] == "working"
    told = [await hears.next_event("agent.state", channel="agents/run-1") for _ in range(3)]
    assert [each["data"]["state"] for each in told] == ["working", "stale", "working"]


async def test_what_is_told_of_long_ago_is_no_sign_of_life(api: Api) -> None:
    host = Host(api)

    await host.hook("UserPromptSubmit", prompt="Go", timestamp="2026-01-02T03:04:05Z")

    assert not await in_thread(Agent.objects.exists)


async def test_an_agent_works_on_what_the_user_asked(api: Api) -> None:
    host = Host(api)

    await host.hook("UserPromptSubmit", prompt="Add a login form")

    agent = await host.agent()
    assert agent["current_request"]["prompt"] == "Add a login form"
    assert agent["session_id"] == "run-1"
    assert agent["project_id"] is not None


async def test_a_name_is_the_same_wherever_it_is_asked_for_and_one_agents_own(api: Api) -> None:
    hosts = [Host(api, f"run-{number}") for number in range(50)]

    await asyncio.gather(*(host.hook("UserPromptSubmit", prompt="Go") for host in hosts))

    names = {host.session_id: (await host.agent())["name"] for host in hosts}
    assert len(set(names.values())) == 50
    own = {each: next(names_for(each, each)) for each in names}
    assert sum(names[each] == own[each] for each in names) > 40


async def test_a_name_that_is_taken_is_passed_over(api: Api) -> None:
    first = Host(api)
    await first.hook("UserPromptSubmit", prompt="Go")
    await in_thread(Agent.objects.update, name=next(names_for("run-2", "run-2")))
    names = names_for("run-2", "run-2")

    second = Host(api, "run-2")
    await second.hook("UserPromptSubmit", prompt="Go")
    elsewhere = Host(api, "run-2b", cwd="/srv/other")
    await elsewhere.hook("UserPromptSubmit", prompt="Go")

    assert (await second.agent())["name"] == [next(names), next(names)][1]


async def test_fifty_first_hooks_of_one_agent_make_one_row(api: Api) -> None:
    event = {"hook_event_name": "PreToolUse", "session_id": "run-1", "cwd": "/srv/shop"}

    replies = await asyncio.gather(
        *(api.post(HOOKS, json={**event, "tool_use_id": f"t{n}"}) for n in range(50))
    )

    assert {reply.status_code for reply in replies} == {200}
    assert await in_thread(Agent.objects.count) == 1


async def test_what_dcm_hook_says_of_itself_is_kept(api: Api) -> None:
    host = Host(api)
    sent_at = round(timezone.now().timestamp() * 1000) - 90_000

    await host.hook("SessionStart", dcm_hook={"machine": "mia-laptop", "sent_at_ms": sent_at})

    row = await in_thread(Agent.objects.get)
    assert row.machine == "mia-laptop"
    assert row.skew_ms is not None
    assert 89_000 < row.skew_ms < 100_000


@pytest.mark.parametrize("value", [5, "x", [], {"sent_at_ms": "x", "machine": 5}, None])
async def test_what_it_should_not_say_is_no_matter(api: Api, value: Any) -> None:
    await Host(api).hook("SessionStart", dcm_hook=value)
