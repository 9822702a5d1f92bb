"""Contract: rest 1.6, 5.6, quirks R06, R07, R09, R21, R27."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dcm.lib.threads import in_thread
from tests.conftest import Api
from tests.contract.rest import (
    UNKNOWN,
    Row,
    bad_fields,
    error_of,
    get,
    ids,
    is_wire_time,
    post_action,
    post_subtask,
    quoted,
)
from tests.factories import make_action

OPTIONAL = [
    "input",
    "output",
    "exit_code",
    "duration_ms",
    "file_paths",
    "subtask_id",
    "session_id",
    "project_path",
]


async def test_an_action_is_answered_without_what_the_tool_said(api: Api) -> None:
    subtask = await post_subtask(api)
    body = {
        "tool_name": "Edit",
        "tool_type": "builtin",
        "input": "login form login",
        "output": "done",
        "exit_code": -3,
        "duration_ms": 120,
        "file_paths": ["/a.py", ""],
        "subtask_id": subtask["id"],
        "session_id": "s-1",
        "project_path": "/srv/shop",
    }

    response = await api.post("/api/actions", json=body)

    assert (response.status_code, response.json()["success"]) == (201, True)
    action = response.json()["action"]
    created_at, keywords = action.pop("created_at"), action.pop("keywords_extracted")
    assert (is_wire_time(created_at), keywords) == (True, 2)
    shown = ["tool_name", "tool_type", "exit_code", "duration_ms"]
    assert action == {"id": action["id"], **{name: body[name] for name in shown}}
    listed = (await get(api, "/api/actions"))["actions"]
    assert listed == [{**action, "created_at": created_at, "file_paths": ["/a.py", ""]}]


async def test_what_is_absent_or_null_has_a_default(api: Api) -> None:
    bare = await post_action(api)
    nulls = await post_action(api, **dict.fromkeys(OPTIONAL))

    listed = (await get(api, "/api/actions"))["actions"]
    assert [row["id"] for row in listed] == [nulls["id"], bare["id"]]
    for row in (bare, nulls):
        assert (row["exit_code"], row["duration_ms"], row["keywords_extracted"]) == (0, None, 0)
    assert [row["file_paths"] for row in listed] == [[], []]


async def test_a_duration_of_0_is_kept(api: Api) -> None:
    await post_action(api, duration_ms=0)

    assert (await get(api, "/api/actions"))["actions"][0]["duration_ms"] == 0


@pytest.mark.parametrize("tool_type", ["builtin", "agent", "skill", "command", "mcp"])
async def test_each_tool_type_is_known(api: Api, tool_type: str) -> None:
    assert (await post_action(api, tool_type=tool_type))["tool_type"] == tool_type


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"tool_name": ""}, {"tool_name"}),
        ({"tool_name": None}, {"tool_name"}),
        ({"tool_type": "workflow"}, {"tool_type"}),
        ({"tool_type": None}, {"tool_type"}),
        ({"input": {"a": 1}, "output": 5}, {"input", "output"}),
        ({"exit_code": "0"}, {"exit_code"}),
        ({"duration_ms": -1}, {"duration_ms"}),
        ({"duration_ms": 0.5}, {"duration_ms"}),
        ({"file_paths": "/a"}, {"file_paths"}),
        ({"file_paths": ["/a", 5]}, {"file_paths"}),
        ({"subtask_id": "x", "session_id": 5}, {"subtask_id", "session_id"}),
        ({"project_path": []}, {"project_path"}),
    ],
)
async def test_bad_fields_are_named(api: Api, fields: Row, bad: set[str]) -> None:
    body = {"tool_name": "Edit", "tool_type": "builtin", **fields}

    response = await api.post("/api/actions", json=body)

    assert bad_fields(response) == bad


async def test_an_unknown_subtask_is_named_and_nothing_is_kept(api: Api) -> None:
    body = {"tool_name": "Edit", "tool_type": "builtin", "input": "login", "subtask_id": UNKNOWN}

    response = await api.post("/api/actions", json=body)

    assert error_of(response) == (404, f"Subtask not found: {UNKNOWN}")
    assert await ids(api, "/api/actions", "actions") == []
    assert (await get(api, "/api/routing/suggest", keywords="login"))["suggestions"] == []


async def test_an_action_makes_no_session_and_no_project(api: Api) -> None:
    await post_action(api, session_id="s-1", project_path="/srv/shop")

    assert (await get(api, "/api/sessions"))["total"] == 0
    assert (await get(api, "/api/projects"))["total"] == 0


async def test_a_known_session_counts_its_actions(api: Api) -> None:
    await api.post("/api/sessions", json={"id": "s-1"})
    await api.post("/api/sessions", json={"id": "s-2", "total_errors": 5})
    for session_id, exit_code in [("s-1", 0), ("s-1", 0), ("s-1", 2), ("s-2", -1), ("s-3", 0)]:
        await post_action(api, session_id=session_id, exit_code=exit_code)

    one, two = await get(api, "/api/sessions/s-1"), await get(api, "/api/sessions/s-2")

    assert _counters(one) == (3, 2, 1)
    assert _counters(two) == (1, 0, 6)


def _counters(session: Row) -> tuple[int, int, int]:
    return session["total_tools_used"], session["total_success"], session["total_errors"]


async def test_large_and_odd_texts_are_taken(api: Api) -> None:
    action = await post_action(api, input="ü😀\n" * 50_000, output="x" * 500_000)

    assert action["keywords_extracted"] == 0


async def test_filters_are_combined_in_every_way(api: Api) -> None:
    subtask = await post_subtask(api)
    rows = [
        {"tool_type": kind, "tool_name": name, "session_id": session, "subtask_id": parent}
        for kind, name in (("builtin", "Edit"), ("builtin", "Read"), ("mcp", "Edit"))
        for session in ("s-1", "s-2")
        for parent in (subtask["id"], None)
    ]
    made = [((await post_action(api, **row))["id"], row) for row in rows]
    wanted = {
        "tool_type": "builtin",
        "tool_name": "Edit",
        "session_id": "s-1",
        "subtask_id": subtask["id"],
    }

    for chosen in range(16):
        names = [name for bit, name in enumerate(wanted) if chosen & 1 << bit]
        query = {name: wanted[name] for name in names}
        expected = [one for one, row in made[::-1] if all(row[n] == wanted[n] for n in names)]
        assert await ids(api, "/api/actions", "actions", **query) == expected


async def test_filters_of_actions_are_not_validated(api: Api) -> None:
    await post_action(api)

    page = await get(api, "/api/actions", tool_type="nonsense", tool_name="edit")

    assert page == {"actions": [], "count": 0, "limit": 100, "offset": 0, "next_cursor": None}


async def test_hourly_counts_cover_the_last_24_hours(api: Api) -> None:
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    moments = [now, hour, hour - timedelta(microseconds=1), now - timedelta(hours=25)]
    for moment in [*moments, hour - timedelta(hours=5, minutes=30)]:
        await in_thread(make_action, created_at=moment)

    hourly = await get(api, "/api/actions/hourly")

    hours = [(6, 1), (1, 1), (0, 2)]
    assert hourly["period"] == "24h"
    assert hourly["data"] == [
        {"hour": (hour - timedelta(hours=ago)).strftime("%Y-%m-%dT%H:00:00.000Z"), "count": count}
        for ago, count in hours
    ]


async def test_hourly_counts_of_nothing_are_empty(api: Api) -> None:
    assert await get(api, "/api/actions/hourly") == {"data": [], "period": "24h"}


async def test_an_action_is_deleted_once(api: Api) -> None:
    action, kept = await post_action(api), await post_action(api)

    first = await api.delete(f"/api/actions/{action['id']}")
    again = await api.delete(f"/api/actions/{action['id']}")

    assert (first.status_code, first.content) == (204, b"")
    assert error_of(again) == (404, "Action not found")
    assert await ids(api, "/api/actions", "actions") == [kept["id"]]


@pytest.mark.parametrize("session_id", ["s-1", "a/b", "a b/ü?", "by-session", "%2F", "a\nb\n"])
async def test_actions_of_a_session_are_deleted_together(api: Api, session_id: str) -> None:
    for session in (session_id, "other", session_id, None):
        await post_action(api, session_id=session)

    response = await api.delete(f"/api/actions/by-session/{quoted(session_id)}")

    assert (response.status_code, response.json()) == (
        200,
        {"success": True, "deleted_count": 2, "session_id": session_id},
    )
    assert len(await ids(api, "/api/actions", "actions")) == 2


async def test_deleting_the_actions_of_an_unknown_session_deletes_none(api: Api) -> None:
    response = await api.delete("/api/actions/by-session/unknown")

    assert (response.status_code, response.json()["deleted_count"]) == (200, 0)


async def test_sending_an_action_again_under_its_id_changes_nothing(api: Api) -> None:
    body: dict[str, Any] = {"id": UNKNOWN, "input": "login", "session_id": "s-1"}
    await api.post("/api/sessions", json={"id": "s-1"})
    first = await post_action(api, **body)

    again = await post_action(api, **{**body, "tool_name": "Other", "exit_code": 1})

    assert again == first
    assert _counters(await get(api, "/api/sessions/s-1")) == (1, 1, 0)
    suggestions = (await get(api, "/api/routing/suggest", keywords="login"))["suggestions"]
    assert [tool["usage_count"] for tool in suggestions] == [1]
