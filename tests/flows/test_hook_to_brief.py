"""One run of an agent host, from its hooks to the live socket and the brief. Read this first.

A real `manage.py serve` takes the recorded events in order, as the host posts them.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serve.serving import Serving, temporary_home
from tests.sockets import Frame, Listener

RUN = Path(__file__).parent.parent / "data" / "hook_run.jsonl"
EVENTS: list[dict[str, Any]] = [json.loads(line) for line in RUN.read_text().splitlines()]
SESSION_ID, PROJECT_PATH = EVENTS[0]["session_id"], EVENTS[0]["cwd"]
CALLS = [each for each in EVENTS if each["hook_event_name"].startswith("PostToolUse")]
FAILED = [call for call in CALLS if call["hook_event_name"] == "PostToolUseFailure"]
BACKEND, TESTER = "agt_7f21c0", "agt_9b04e3"


@dataclass
class Played:
    """The run after it was played. frames: what a socket heard of the session, in order."""

    http: httpx.Client
    replies: list[dict[str, Any]]
    frames: list[Frame]

    def get(self, route: str, **query: Any) -> Any:
        answer = self.http.get(route, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reply_to(self, **fields: Any) -> dict[str, Any]:
        return next(
            reply
            for event, reply in zip(EVENTS, self.replies, strict=True)
            if fields.items() <= event.items()
        )

    def hierarchy(self) -> Any:
        project = self.get("/api/projects/by-path", path=PROJECT_PATH)["project"]
        return self.get(f"/api/hierarchy/{project['id']}")


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    with temporary_home() as home, Serving(home) as running:
        yield running


@pytest.fixture(scope="module")
async def played(serving: Serving) -> AsyncIterator[Played]:
    async with Listener.open(f"ws://127.0.0.1:{serving.port('WS_PORT')}") as listener:
        await listener.authenticate("watcher")
        await listener.subscribe(f"sessions/{SESSION_ID}")
        replies = [post(serving.http, event) for event in EVENTS]
        frames = [await listener.next_event(channel=f"sessions/{SESSION_ID}")]
        while frames[-1]["event"] != "session.ended":
            frames.append(await listener.next_event(channel=f"sessions/{SESSION_ID}"))
        yield Played(serving.http, replies, frames)


def post(http: httpx.Client, event: dict[str, Any]) -> dict[str, Any]:
    answer = http.post("/api/hooks/claude-code", json=event)
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


async def test_every_tool_call_arrives_live_in_the_order_of_the_run(played: Played) -> None:
    calls = [frame["data"] for frame in played.frames if frame["event"] == "action.created"]

    assert len(calls) == len(CALLS)
    assert [call["exit_code"] for call in calls] == [1 if call in FAILED else 0 for call in CALLS]
    assert all("input" not in call and "output" not in call for call in calls)
    numbers = [int(frame["id"].rsplit("_", 1)[1]) for frame in played.frames]
    assert numbers == sorted(set(numbers))


async def test_the_work_tree_has_the_prompt_the_wave_and_both_subagents(played: Played) -> None:
    tree = played.hierarchy()

    (request,) = tree["hierarchy"]["requests"]
    assert (request["session_id"], request["status"]) == (SESSION_ID, "completed")
    assert request["prompt"].startswith("Add login with e-mail and password")
    assert request["prompt_type"] == "feature"
    (wave,) = request["tasks"]
    assert (wave["wave_number"], wave["status"]) == (0, "completed")
    found = {(each["agent_id"], each["description"]) for each in wave["subtasks"]}
    assert found == {
        (BACKEND, "Write the login view with rate limiting"),
        (TESTER, "Write tests for login and lockout"),
    }
    assert {each["status"] for each in wave["subtasks"]} == {"completed"}
    assert tree["counts"] == {"requests": 1, "tasks": 1, "subtasks": 2}


async def test_actions_belong_to_the_agent_that_made_them(played: Played) -> None:
    subtasks = played.get("/api/subtasks", agent_id=TESTER)["subtasks"]

    subtask = played.get(f"/api/subtasks/{subtasks[0]['id']}")["subtask"]

    mine = [call for call in CALLS if call.get("agent_id") == TESTER]
    assert [each["tool_name"] for each in subtask["actions"]] == [m["tool_name"] for m in mine]
    assert subtask["result"] == {
        "message": "Three tests cover login, a wrong password and the lockout; all pass."
    }
    assert subtask["actions"][1]["file_paths"] == ["/home/mia/shop/tests/test_login.py"]


async def test_the_session_counts_its_calls_and_has_ended(played: Played) -> None:
    session = played.get(f"/api/sessions/{SESSION_ID}")

    counted = (session["total_tools_used"], session["total_success"], session["total_errors"])
    assert counted == (len(CALLS), len(CALLS) - len(FAILED), len(FAILED))
    assert session["ended_at"] is not None


async def test_durations_are_the_hosts_own_or_measured(played: Played) -> None:
    actions = played.get("/api/actions", session_id=SESSION_ID)["actions"]

    by_time = list(reversed(actions))
    for action, call in zip(by_time, CALLS, strict=True):
        if "duration_ms" in call:
            assert action["duration_ms"] == call["duration_ms"]
        else:
            assert action["duration_ms"] is not None


async def test_the_tool_that_ran_the_tests_is_suggested_for_them(played: Played) -> None:
    found = played.get("/api/routing/suggest", keywords="pytest")

    # Three runs, of which the first failed: 1.0, then twice 0.1 more.
    assert found["suggestions"] == [
        {
            "tool_name": "Bash",
            "tool_type": "builtin",
            "score": 1.2,
            "usage_count": 3,
            "success_rate": 67,
            "keyword_matches": ["pytest"],
        }
    ]


async def test_after_a_compaction_the_host_gets_a_brief_of_its_own_work(played: Played) -> None:
    reply = played.reply_to(hook_event_name="SessionStart", source="compact")

    output = reply["hookSpecificOutput"]
    brief = output["additionalContext"]
    assert output["hookEventName"] == "SessionStart"
    assert len(brief) <= 10_000
    assert "Add login with e-mail and password" in brief
    assert "/home/mia/shop/accounts/throttle.py" in brief
    assert "Bash" in brief


async def test_events_without_an_opinion_are_answered_with_none(played: Played) -> None:
    others = [
        reply
        for event, reply in zip(EVENTS, played.replies, strict=True)
        if event.get("source") != "compact"
    ]

    assert others == [{}] * len(others)


async def test_the_compaction_is_on_record(played: Played) -> None:
    status = played.get(f"/api/compact/status/{SESSION_ID}")

    assert status["compacted"] is True
    assert status["compact_summary"].startswith("Login with e-mail and password is written")


async def test_a_subagents_brief_names_its_real_work(played: Played) -> None:
    reply = played.get(f"/api/context/{TESTER}", session_id=SESSION_ID, agent_type="qa-testing")

    brief = reply["brief"]["content"]
    assert "/home/mia/shop/tests/test_login.py" in brief
    assert "exit 1" in brief
    assert reply["agent_type"] == "qa-testing"
    assert {source["type"] for source in reply["sources"]} >= {"history", "session", "project"}


async def test_playing_it_again_changes_nothing_but_begins_the_session_anew(
    played: Played,
) -> None:
    before = played.hierarchy()

    for event in EVENTS:
        post(played.http, event)

    after = played.hierarchy()
    assert after["counts"] == before["counts"]
    assert after["stats"]["total_actions"] == before["stats"]["total_actions"]
    assert played.get(f"/api/sessions/{SESSION_ID}")["total_tools_used"] == len(CALLS)
