"""Contract: rest 4, 5.5, aliases 7, quirks R06, R07, R09, R13, R14, R19, R20."""

from typing import Any

import pytest

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
    post_task,
)

STATUSES = ["pending", "running", "paused", "blocked", "completed", "failed"]


async def patch(api: Api, subtask: Row, **changes: Any) -> Row:
    response = await api.patch(f"/api/subtasks/{subtask['id']}", json=changes)
    assert response.status_code == 200, response.text
    assert list(response.json()) == ["success", "subtask"]
    row: Row = response.json()["subtask"]
    return row


async def test_a_subtask_comes_back_as_it_was_posted(api: Api) -> None:
    blocker = await post_subtask(api)
    body = {
        "task_id": blocker["task_id"],
        "description": "Write the serializer 😀",
        "agent_type": "backend-django",
        "agent_id": "ag-7",
        "status": "blocked",
        "blocked_by": [blocker["id"]],
        "context_snapshot": {"files": ["/a.py"]},
    }

    response = await api.post("/api/subtasks", json=body)

    assert (response.status_code, response.json()["success"]) == (201, True)
    subtask = response.json()["subtask"]
    assert {name: subtask[name] for name in body} == body
    assert set(subtask) == {
        *body,
        "id",
        "task_list_id",
        "created_at",
        "started_at",
        "completed_at",
        "result",
    }
    assert subtask["task_list_id"] == subtask["task_id"]
    assert is_wire_time(subtask["created_at"])
    found = await get(api, f"/api/subtasks/{subtask['id']}")
    assert found == {"subtask": {**subtask, "actions": []}}


async def test_what_is_absent_or_null_has_a_default(api: Api) -> None:
    bare = await post_subtask(api)
    names = ["agent_type", "agent_id", "status", "blocked_by", "context_snapshot"]
    nulls = await post_subtask(api, **dict.fromkeys(names))

    for subtask in (bare, nulls):
        assert [subtask[name] for name in names] == [None, None, "pending", [], None]
        assert [subtask[n] for n in ("started_at", "completed_at", "result")] == [None] * 3


async def test_the_task_may_be_named_as_its_list(api: Api) -> None:
    task = await post_task(api)
    body = {"task_list_id": task["id"], "description": "Write the serializer"}

    response = await api.post("/api/subtasks", json=body)

    assert response.status_code == 201
    assert response.json()["subtask"]["task_id"] == task["id"]


async def test_the_canonical_name_wins_over_its_alias(api: Api) -> None:
    task = await post_task(api)

    subtask = await post_subtask(api, task_id=task["id"], task_list_id=UNKNOWN)

    assert subtask["task_id"] == task["id"]


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"task_id": None}, "task_id"),
        ({"description": ""}, "description"),
        ({"description": None}, "description"),
        ({"agent_type": 5}, "agent_type"),
        ({"agent_id": []}, "agent_id"),
        ({"status": "active"}, "status"),
        ({"blocked_by": UNKNOWN}, "blocked_by"),
        ({"blocked_by": [None]}, "blocked_by"),
        ({"context_snapshot": "x"}, "context_snapshot"),
        ({"context_snapshot": []}, "context_snapshot"),
    ],
)
async def test_a_bad_field_is_named(api: Api, fields: Row, bad: str) -> None:
    body = {"task_id": UNKNOWN, "description": "x", **fields}

    response = await api.post("/api/subtasks", json=body)

    assert bad_fields(response) == {bad}


async def test_an_unknown_task_is_named(api: Api) -> None:
    response = await api.post("/api/subtasks", json={"task_id": UNKNOWN, "description": "x"})

    assert error_of(response) == (404, f"Task not found: {UNKNOWN}")


async def test_an_unknown_blocker_is_refused_by_post_and_patch(api: Api) -> None:
    subtask = await post_subtask(api)
    blocked_by = [subtask["id"], UNKNOWN]
    body = {"task_id": subtask["task_id"], "description": "x", "blocked_by": blocked_by}

    posted = await api.post("/api/subtasks", json=body)
    patched = await api.patch(f"/api/subtasks/{subtask['id']}", json={"blocked_by": blocked_by})

    for response in (posted, patched):
        assert error_of(response) == (400, "One or more blocking subtask IDs not found")


async def test_repeated_blockers_are_kept_once(api: Api) -> None:
    one, two = await post_subtask(api), await post_subtask(api)
    given = [two["id"], one["id"], two["id"].upper()]

    posted = await post_subtask(api, blocked_by=given)
    patched = await patch(api, await post_subtask(api), blocked_by=given)

    assert posted["blocked_by"] == [two["id"], one["id"]]
    assert patched["blocked_by"] == [two["id"], one["id"]]


async def test_a_deleted_blocker_leaves_its_id_behind(api: Api) -> None:
    blocker = await post_subtask(api)
    subtask = await post_subtask(api, blocked_by=[blocker["id"]])

    await api.delete(f"/api/subtasks/{blocker['id']}")

    shown = (await get(api, f"/api/subtasks/{subtask['id']}"))["subtask"]
    assert shown["blocked_by"] == [blocker["id"]]


async def test_a_finished_blocker_unblocks(api: Api) -> None:
    blocker = await post_subtask(api)
    subtask = await post_subtask(api, blocked_by=[blocker["id"]], status="blocked")

    await patch(api, blocker, status="completed")

    shown = (await get(api, f"/api/subtasks/{subtask['id']}"))["subtask"]
    assert (shown["status"], shown["blocked_by"]) == ("pending", [blocker["id"]])


async def test_filters_are_combined_in_every_way(api: Api) -> None:
    tasks = [await post_task(api), await post_task(api)]
    rows = [
        await post_subtask(api, task_id=task["id"], status=status, agent_type=kind, agent_id=agent)
        for task in tasks
        for status in ("pending", "running")
        for kind, agent in (("backend", "ag-1"), ("backend", "ag-2"), ("frontend", "ag-1"))
    ]
    wanted = {
        "task_id": tasks[1]["id"],
        "status": "running",
        "agent_type": "backend",
        "agent_id": "ag-1",
    }

    for chosen in range(16):
        names = [name for bit, name in enumerate(wanted) if chosen & 1 << bit]
        query = {name: wanted[name] for name in names}
        expected = [r["id"] for r in rows if all(r[n] == wanted[n] for n in names)]
        if "task_id" not in query:
            expected.reverse()
        assert await ids(api, "/api/subtasks", "subtasks", **query) == expected


async def test_the_task_filter_has_the_same_alias(api: Api) -> None:
    subtask = await post_subtask(api)
    await post_subtask(api)

    listed = await ids(api, "/api/subtasks", "subtasks", task_list_id=subtask["task_id"])

    assert listed == [subtask["id"]]


@pytest.mark.parametrize("query", [{"status": "x"}, {"agent_id": "x"}, {"task_id": UNKNOWN}])
async def test_a_filter_that_nothing_meets_leaves_nothing(api: Api, query: Row) -> None:
    await post_subtask(api)

    assert (await get(api, "/api/subtasks", **query))["count"] == 0


async def test_the_list_shows_whole_subtasks_in_pages(api: Api) -> None:
    rows = [await post_subtask(api, context_snapshot={"n": n}) for n in range(3)]

    page = await get(api, "/api/subtasks", limit=1, offset=1)

    assert page == {"subtasks": [rows[1]], "count": 1, "limit": 1, "offset": 1}


async def test_one_subtask_shows_its_actions_oldest_first(api: Api) -> None:
    subtask = await post_subtask(api)
    made = [
        await post_action(api, subtask_id=subtask["id"], file_paths=["/a"], duration_ms=n)
        for n in (2, 1)
    ]
    await post_action(api)

    shown = (await get(api, f"/api/subtasks/{subtask['id']}"))["subtask"]["actions"]

    for action in made:
        del action["keywords_extracted"]
        action["file_paths"] = ["/a"]
    assert shown == made


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_subtask_is_not_found(api: Api, method: str) -> None:
    response = await api.request(method, f"/api/subtasks/{UNKNOWN}", json={"status": "running"})

    assert error_of(response) == (404, "Subtask not found")


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
async def test_any_status_may_follow_any_other(api: Api, before: str, after: str) -> None:
    subtask = await post_subtask(api, status=before)

    patched = await patch(api, subtask, status=after)

    assert patched["status"] == after
    assert (patched["started_at"] is not None) == ("running" in {before, after})
    assert (patched["completed_at"] is not None) == (after in {"completed", "failed"})


@pytest.mark.parametrize(
    ("status", "moments"),
    [
        ("pending", set()),
        ("running", {"started_at"}),
        ("paused", set()),
        ("blocked", set()),
        ("completed", {"completed_at"}),
        ("failed", {"completed_at"}),
    ],
)
async def test_a_subtask_can_be_posted_in_any_status(
    api: Api, status: str, moments: set[str]
) -> None:
    subtask = await post_subtask(api, status=status)

    assert {name for name in ("started_at", "completed_at") if subtask[name]} == moments


async def test_running_again_keeps_the_first_start(api: Api) -> None:
    subtask = await post_subtask(api, status="running")
    await patch(api, subtask, status="paused")

    resumed = await patch(api, subtask, status="running")

    assert resumed["started_at"] == subtask["started_at"]


@pytest.mark.parametrize("status", [*STATUSES, None])
async def test_every_field_given_is_applied_whatever_the_status(
    api: Api, status: str | None
) -> None:
    subtask, blocker = await post_subtask(api), await post_subtask(api)
    changes = {"agent_id": "ag-9", "blocked_by": [blocker["id"]], "result": {"ok": [True]}}

    patched = await patch(api, subtask, status=status, **changes)

    assert {name: patched[name] for name in changes} == changes
    assert patched["status"] == (status or "pending")


@pytest.mark.parametrize("status", STATUSES)
async def test_what_is_not_given_or_null_stays(api: Api, status: str) -> None:
    blocker = await post_subtask(api)
    subtask = await post_subtask(api, agent_id="ag-7", blocked_by=[blocker["id"]])
    before = await patch(api, subtask, result={"n": 1})

    patched = await patch(api, subtask, status=status, result=None, agent_id=None)

    for name in ("agent_id", "agent_type", "blocked_by", "result", "description"):
        assert patched[name] == before[name]


async def test_a_result_is_replaced_and_not_merged(api: Api) -> None:
    subtask = await post_subtask(api)
    await patch(api, subtask, result={"a": 1})

    patched = await patch(api, subtask, result={"b": 2})

    assert patched["result"] == {"b": 2}


async def test_an_empty_list_clears_the_blockers(api: Api) -> None:
    blocker = await post_subtask(api)
    subtask = await post_subtask(api, blocked_by=[blocker["id"]])

    assert (await patch(api, subtask, blocked_by=[]))["blocked_by"] == []


@pytest.mark.parametrize("body", [{}, {"description": "x"}, {"status": None, "result": None}])
async def test_an_update_of_nothing_is_refused(api: Api, body: Row) -> None:
    subtask = await post_subtask(api)

    response = await api.patch(f"/api/subtasks/{subtask['id']}", json=body)

    assert error_of(response) == (400, "No update fields provided")


@pytest.mark.parametrize(
    "body",
    [
        {"status": "cancelled"},
        {"result": "done"},
        {"result": []},
        {"agent_id": ""},
        {"agent_id": 5},
        {"blocked_by": {}},
        {"blocked_by": ["x"], "status": 5},
    ],
)
async def test_a_bad_update_is_refused_by_field(api: Api, body: Row) -> None:
    response = await api.patch(f"/api/subtasks/{UNKNOWN}", json=body)

    assert bad_fields(response) == set(body)


async def test_deleting_a_subtask_takes_its_actions_along(api: Api) -> None:
    subtask = await post_subtask(api)
    await post_action(api, subtask_id=subtask["id"])
    kept = await post_action(api)

    response = await api.delete(f"/api/subtasks/{subtask['id']}")

    assert (response.status_code, response.content) == (204, b"")
    assert await ids(api, "/api/subtasks", "subtasks") == []
    assert await ids(api, "/api/actions", "actions") == [kept["id"]]
