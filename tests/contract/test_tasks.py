"""Contract: rest 4, 5.4, quirks R06, R13, R18."""

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
    post_request,
    post_subtask,
    post_task,
)

STATUSES = ["pending", "running", "completed", "failed", "blocked"]


async def patch(api: Api, task: Row, **changes: Any) -> Row:
    response = await api.patch(f"/api/tasks/{task['id']}", json=changes)
    assert response.status_code == 200, response.text
    assert list(response.json()) == ["success", "task"]
    row: Row = response.json()["task"]
    return row


async def test_a_task_comes_back_as_it_was_posted(api: Api) -> None:
    body = {
        "request_id": (await post_request(api))["id"],
        "name": "Models 😀",
        "wave_number": 7,
        "status": "running",
    }

    response = await api.post("/api/tasks", json=body)

    assert (response.status_code, response.json()["success"]) == (201, True)
    task = response.json()["task"]
    keys = ["id", "request_id", "name", "wave_number", "status", "created_at", "completed_at"]
    assert list(task) == keys
    assert {name: task[name] for name in body} == body
    assert (is_wire_time(task["created_at"]), task["completed_at"]) == (True, None)
    found = await get(api, f"/api/tasks/{task['id']}")
    assert found == {"task": {**task, "subtasks": []}}


async def test_waves_are_numbered_and_named_from_0(api: Api) -> None:
    request = await post_request(api)

    waves = [await post_task(api, request_id=request["id"]) for _ in range(3)]

    assert [wave["wave_number"] for wave in waves] == [0, 1, 2]
    assert [wave["name"] for wave in waves] == ["Wave 0", "Wave 1", "Wave 2"]
    assert [wave["status"] for wave in waves] == ["pending"] * 3


async def test_the_next_wave_follows_the_highest_of_its_own_request(api: Api) -> None:
    request = await post_request(api)
    await post_task(api, wave_number=50)
    await post_task(api, request_id=request["id"], wave_number=9)
    await post_task(api, request_id=request["id"], wave_number=4)

    wave = await post_task(api, request_id=request["id"], wave_number=None)

    assert (wave["wave_number"], wave["name"]) == (10, "Wave 10")


async def test_a_number_given_may_repeat(api: Api) -> None:
    request = await post_request(api)

    waves = [await post_task(api, request_id=request["id"], wave_number=3) for _ in range(2)]

    assert [wave["wave_number"] for wave in waves] == [3, 3]


async def test_no_number_follows_the_largest_one(api: Api) -> None:
    request = await post_request(api)
    await post_task(api, request_id=request["id"], wave_number=2**31 - 1)

    response = await api.post("/api/tasks", json={"request_id": request["id"]})

    assert response.status_code == 400


async def test_an_empty_name_is_kept_and_a_null_one_is_not(api: Api) -> None:
    empty = await post_task(api, name="")
    null = await post_task(api, name=None)

    assert (empty["name"], null["name"]) == ("", "Wave 0")


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"request_id": None}, "request_id"),
        ({"name": 5}, "name"),
        ({"wave_number": -1}, "wave_number"),
        ({"wave_number": "1"}, "wave_number"),
        ({"wave_number": 1.5}, "wave_number"),
        ({"wave_number": True}, "wave_number"),
        ({"status": "active"}, "status"),
        ({"status": "paused"}, "status"),
    ],
)
async def test_a_bad_field_is_named(api: Api, fields: Row, bad: str) -> None:
    response = await api.post("/api/tasks", json={"request_id": UNKNOWN, **fields})

    assert bad_fields(response) == {bad}


async def test_an_unknown_request_is_named(api: Api) -> None:
    response = await api.post("/api/tasks", json={"request_id": UNKNOWN})

    assert error_of(response) == (404, f"Request not found: {UNKNOWN}")


async def test_tasks_of_a_request_are_listed_by_wave_then_age(api: Api) -> None:
    request = await post_request(api)
    made = [
        (await post_task(api, request_id=request["id"], wave_number=number))["id"]
        for number in (1, 0, 1)
    ]
    other = (await post_task(api))["id"]

    of_request = await ids(api, "/api/tasks", "tasks", request_id=request["id"])
    of_all = await ids(api, "/api/tasks", "tasks")

    assert of_request == [made[1], made[0], made[2]]
    assert of_all == [other, *made[::-1]]


async def test_request_and_status_are_combined(api: Api) -> None:
    request = await post_request(api)
    tasks = [await post_task(api, request_id=request["id"], status=one) for one in STATUSES]
    other = await post_task(api, status="failed")

    both = await ids(api, "/api/tasks", "tasks", request_id=request["id"], status="failed")
    status = await ids(api, "/api/tasks", "tasks", status="failed")
    neither = await ids(api, "/api/tasks", "tasks", status="nonsense")

    assert (both, status, neither) == ([tasks[3]["id"]], [other["id"], tasks[3]["id"]], [])


async def test_the_list_shows_whole_tasks_in_pages(api: Api) -> None:
    request = await post_request(api)
    tasks = [await post_task(api, request_id=request["id"]) for _ in range(3)]

    page = await get(api, "/api/tasks", request_id=request["id"], limit=1, offset=1)

    assert page == {"tasks": [tasks[1]], "count": 1, "limit": 1, "offset": 1}


async def test_one_task_shows_its_subtasks_oldest_first(api: Api) -> None:
    task = await post_task(api)
    made = [await post_subtask(api, task_id=task["id"], agent_id=name) for name in ("b", "a")]
    await post_subtask(api)

    shown = (await get(api, f"/api/tasks/{task['id']}"))["task"]

    assert shown == {**task, "subtasks": made}
    assert {"task_id", "context_snapshot", "result"} <= shown["subtasks"][0].keys()


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_task_is_not_found(api: Api, method: str) -> None:
    response = await api.request(method, f"/api/tasks/{UNKNOWN}", json={"name": "x"})

    assert error_of(response) == (404, "Task not found")


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
async def test_any_status_may_follow_any_other(api: Api, before: str, after: str) -> None:
    task = await post_task(api, status=before)

    patched = await patch(api, task, status=after)

    is_finished = after in {"completed", "failed"}
    assert patched["status"] == after
    assert (patched["completed_at"] is not None) == is_finished


async def test_status_and_name_are_changed_together(api: Api) -> None:
    task = await post_task(api)

    patched = await patch(api, task, status="running", name="Models", wave_number=9)

    assert patched == {**task, "status": "running", "name": "Models"}


async def test_an_empty_name_does_not_spoil_a_change_of_status(api: Api) -> None:
    task = await post_task(api, name="Models")

    patched = await patch(api, task, status="running", name="")

    assert (patched["status"], patched["name"]) == ("running", "Models")


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": None}, {"wave_number": 3}])
async def test_an_update_of_nothing_is_refused(api: Api, body: Row) -> None:
    task = await post_task(api)

    response = await api.patch(f"/api/tasks/{task['id']}", json=body)

    assert error_of(response) == (400, "No update fields provided")


@pytest.mark.parametrize("body", [{"status": "active"}, {"name": 5}, {"status": 1, "name": []}])
async def test_a_bad_update_is_refused_by_field(api: Api, body: Row) -> None:
    task = await post_task(api)

    response = await api.patch(f"/api/tasks/{task['id']}", json=body)

    assert bad_fields(response) == set(body)


async def test_deleting_a_task_takes_everything_below_it_along(api: Api) -> None:
    subtask = await post_subtask(api)
    await post_action(api, subtask_id=subtask["id"])

    response = await api.delete(f"/api/tasks/{subtask['task_id']}")

    assert (response.status_code, response.content) == (204, b"")
    for path in ("tasks", "subtasks", "actions"):
        assert await ids(api, f"/api/{path}", path) == []
    assert len(await ids(api, "/api/requests", "requests")) == 1
