"""`dcm import`: Claude Code's own records become the work tree."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client.commands import PROGRAM, Dcm
from tests.client.hooks import Hook, nowhere, prompt, tool_call
from tests.conftest import Api

SECRET = "ghp_hunter2hunter2hunter2hunter2"
Line = dict[str, Any]


def entry(kind: str, second: int, content: Any, **fields: Any) -> Line:
    return {
        "type": kind,
        "uuid": f"00000000-0000-0000-0000-{second:012}",
        "timestamp": f"2026-01-02T03:{second // 60:02}:{second % 60:02}.000Z",
        "sessionId": "run-1",
        "cwd": "/srv/shop",
        "message": {"role": kind, "content": content},
        **fields,
    }


def call(number: int, **fields: Any) -> list[Line]:
    use = {"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {"command": "ls"}}
    result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "a.py"}
    return [
        entry("assistant", number * 2, [use | fields]),
        entry("user", number * 2 + 1, [result]),
    ]


def record(dcm: Dcm, lines: list[Any], *, name: str = "run-1", old: bool = True) -> Path:
    path = dcm.home / f".claude/projects/-srv-shop/{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    if old:
        then = time.time() - 86_400
        os.utime(path, (then, then))
    return path


WHOLE = [
    {"type": "summary", "summary": "A form"},
    entry("user", 0, "Add a login form", isMeta=False),
    entry("user", 1, "<command-name>/clear</command-name>"),
    entry("user", 2, "Caveat: all of this is made up", isMeta=True),
    *call(2),
    entry(
        "assistant",
        10,
        [
            {"type": "text", "text": "Let me see"},
            {"type": "tool_use", "id": "toolu_9", "name": "Read", "input": {"file_path": "/a"}},
        ],
    ),
    entry(
        "user",
        11,
        [
            {
                "type": "tool_result",
                "tool_use_id": "toolu_9",
                "is_error": True,
                "content": [{"type": "text", "text": f"Exit code 2: {SECRET}"}],
            }
        ],
    ),
    entry("user", 20, [{"type": "text", "text": "And tests"}]),
]


async def stored(api: Api) -> dict[str, Any]:
    """What there is of the session."""
    requests = (await api.get("/api/requests?session_id=run-1")).json()["requests"]
    actions = (await api.get("/api/actions?session_id=run-1")).json()["actions"]
    return {
        "session": (await api.get("/api/sessions/run-1")).json(),
        "requests": requests,
        "actions": actions,
    }


async def test_a_record_becomes_requests_and_actions_at_their_times(api: Api, dcm: Dcm) -> None:
    record(dcm, WHOLE)

    told = dcm.json("import")

    found = await stored(api)
    assert told == {"sessions": 1, "events": 5, "refused": 0}
    assert [(each["prompt"], each["status"], each["created_at"]) for each in found["requests"]] == [
        ("And tests", "completed", "2026-01-02T03:00:20.000Z"),
        ("Add a login form", "completed", "2026-01-02T03:00:00.000Z"),
    ]
    assert [
        (each["tool_name"], each["exit_code"], each["created_at"]) for each in found["actions"]
    ] == [
        ("Read", 2, "2026-01-02T03:00:11.000Z"),
        ("Bash", 0, "2026-01-02T03:00:05.000Z"),
    ]
    session = found["session"]
    assert (session["started_at"], session["ended_at"]) == (
        "2026-01-02T03:00:00.000Z",
        "2026-01-02T03:00:20.000Z",
    )
    assert (session["total_success"], session["total_errors"]) == (1, 1)
    whole = (await api.get(f"/api/actions/{found['actions'][0]['id']}")).json()["action"]
    assert whole["output"] == "Exit code 2: [redacted:token]"


@pytest.mark.parametrize("more", [(), ("--again",)])
async def test_importing_twice_changes_nothing(api: Api, dcm: Dcm, more: tuple[str, ...]) -> None:
    record(dcm, WHOLE)
    dcm.ok("import")
    before = await stored(api)

    dcm("import", *more)

    assert await stored(api) == before


async def test_what_was_told_live_is_not_imported_again(api: Api, dcm: Dcm, hook: Hook) -> None:
    hook(prompt("Add a login form"))
    hook(tool_call(2))

    record(dcm, WHOLE)
    dcm("import")

    found = await stored(api)
    assert sorted(each["prompt"] for each in found["requests"]) == ["Add a login form", "And tests"]
    assert sorted(each["tool_name"] for each in found["actions"]) == ["Bash", "Read"]


async def test_it_goes_on_where_it_was_when_the_record_grows(api: Api, dcm: Dcm) -> None:
    record(dcm, WHOLE[:5], old=False)
    first = dcm.json("import")
    assert (await stored(api))["session"]["ended_at"] is None

    record(dcm, WHOLE)
    second = dcm.json("import")
    third = dcm.json("import")

    # A call whose result came later is one event of the second run.
    assert [each["events"] for each in (first, second, third)] == [1, 4, 0]
    assert len((await stored(api))["actions"]) == 2


async def test_interrupted_it_goes_on_where_it_was(api: Api, dcm: Dcm) -> None:
    lines = [
        entry("user", 0, "Count"),
        *(line for n in range(1, 900) for line in call(n % 1700 + 1)),
    ]
    record(dcm, [{**line, "timestamp": "2026-01-02T03:04:05Z"} for line in lines])
    with subprocess.Popen(
        [PROGRAM, "import", "--json"],
        env=dcm.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        while not (await api.get("/api/actions?limit=1")).json()["actions"]:
            assert running.poll() is None
        running.terminate()
        running.communicate(timeout=20)

    dcm("import")

    assert (await stored(api))["session"]["total_tools_used"] == 899


async def test_without_a_server_nothing_is_lost(api: Api, dcm: Dcm) -> None:
    record(dcm, WHOLE)
    url, dcm.url = dcm.url, nowhere()

    assert dcm("import").code == 3

    dcm.url = url
    assert dcm.json("import")["events"] == 5


async def test_subagents_get_their_subtasks(api: Api, dcm: Dcm) -> None:
    lines = [entry("user", 0, "Add a login form"), *call(1)]
    side = [{**line, "isSidechain": True, "agentId": "sub-1"} for line in call(2)]
    record(dcm, [*lines, entry("user", 3, "Look around", isSidechain=True, agentId="sub-1"), *side])

    dcm("import")

    found = await stored(api)
    subtasks = (await api.get("/api/subtasks")).json()["subtasks"]
    assert [each["prompt"] for each in found["requests"]] == ["Add a login form"]
    assert [each["agent_id"] for each in subtasks] == ["sub-1"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n{}\n[]\n5\nnull\n",
        '{"type": "user", "message": 5}\n',
        '{"type": "user", "sessionId": 5, "cwd": [], "timestamp": {}, "message": {}}\n',
        '{"message": {"content": [5, null, {"type": "tool_result"}, {"type": "tool_use"}]}}\n',
        '{"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "x"}]}}\n',
        "[" * 100_000 + "\n",
        '{"type": "user", "message": {"content": "half',
        "\ufffd\x00\x1b[2J\n",
    ],
)
async def test_records_that_are_broken_are_no_matter(api: Api, dcm: Dcm, text: str) -> None:
    broken = record(dcm, [], name="broken")
    broken.write_text(text)
    record(dcm, WHOLE)

    done = dcm("import")

    assert done.code == 0
    assert len((await stored(api))["actions"]) == 2


async def test_projects_and_a_number_can_be_chosen(api: Api, dcm: Dcm) -> None:
    record(dcm, WHOLE)
    other = dcm.home / ".claude/projects/-srv-blog"
    other.mkdir()
    (other / "run-2.jsonl").write_text(json.dumps(entry("user", 0, "Hi", sessionId="run-2")) + "\n")

    assert dcm.json("import", "--project", "blog")["sessions"] == 1
    assert dcm.json("import", "--limit", "1")["sessions"] == 1
    assert (await stored(api))["session"]["total_tools_used"] == 2


async def test_where_nothing_can_be_written_it_says_that_it_cannot_go_on_later(
    api: Api, dcm: Dcm
) -> None:
    record(dcm, WHOLE)
    dcm.more = {"XDG_STATE_HOME": "/proc"}

    done = dcm("import")

    assert done.code == 0
    assert "cannot be kept" in done.err
    assert len((await stored(api))["actions"]) == 2


async def test_a_folder_that_is_missing_is_told(dcm: Dcm) -> None:
    assert dcm("import").code == 1
    assert "is not there" in dcm("import").err
