"""Contract: rest 4, 5.3, quirks R06, R07, R13, R17."""

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
    post_project,
    post_request,
    post_subtask,
    post_task,
)

TERMINAL = ["completed", "failed", "cancelled"]
TYPES = ["feature", "debug", "explain", "search", "refactor", "test", "review", "other"]


async def patch(api: Api, request: Row, **changes: Any) -> Row:
    response = await api.patch(f"/api/requests/{request['id']}", json=changes)
    assert response.status_code == 200, response.text
    assert list(response.json()) == ["success", "request"]
    row: Row = response.json()["request"]
    return row


async def test_a_request_comes_back_as_it_was_posted(api: Api) -> None:
    body = {
        "project_id": (await post_project(api))["id"],
        "session_id": " S/1 ",
        "prompt": "Add login 😀",
        "prompt_type": "feature",
        "status": "active",
        "metadata": {"from": {"a": [1]}},
    }

    response = await api.post("/api/requests", json=body)

    assert (response.status_code, response.json()["success"]) == (201, True)
    request = response.json()["request"]
    assert list(request) == [
        "id",
        "project_id",
        "session_id",
        "prompt",
        "prompt_type",
        "status",
        "created_at",
        "completed_at",
        "metadata",
    ]
    assert {name: request[name] for name in body} == body
    assert is_wire_time(request["created_at"])
    found = await get(api, f"/api/requests/{request['id']}")
    assert found == {"request": {**request, "tasks": []}}


async def test_what_is_absent_or_null_has_a_default(api: Api) -> None:
    bare = await post_request(api)
    nulls = await post_request(api, prompt_type=None, status=None, metadata=None)

    for request in (bare, nulls):
        assert (request["prompt_type"], request["status"]) == (None, "active")
        assert (request["metadata"], request["completed_at"]) == ({}, None)


@pytest.mark.parametrize("prompt_type", TYPES)
async def test_each_prompt_type_is_known(api: Api, prompt_type: str) -> None:
    assert (await post_request(api, prompt_type=prompt_type))["prompt_type"] == prompt_type


async def test_a_request_makes_no_session(api: Api) -> None:
    await post_request(api, session_id="s-1")

    assert (await get(api, "/api/sessions"))["total"] == 0


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"session_id": ""}, "session_id"),
        ({"session_id": 5}, "session_id"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt_type": "general"}, "prompt_type"),
        ({"status": "pending"}, "status"),
        ({"status": "in_progress"}, "status"),
        ({"metadata": [1]}, "metadata"),
        ({"project_id": None}, "project_id"),
    ],
)
async def test_a_bad_field_is_named(api: Api, fields: Row, bad: str) -> None:
    body = {"project_id": UNKNOWN, "session_id": "s-1", "prompt": "Add login", **fields}

    response = await api.post("/api/requests", json=body)

    assert bad_fields(response) == {bad}
    assert response.json()["message"] == f"Invalid {bad}"


async def test_an_empty_body_lacks_three_fields(api: Api) -> None:
    response = await api.post("/api/requests", json={})

    assert bad_fields(response) == {"project_id", "session_id", "prompt"}


async def test_an_unknown_project_is_named(api: Api) -> None:
    body = {"project_id": UNKNOWN, "session_id": "s-1", "prompt": "Add login"}

    response = await api.post("/api/requests", json=body)

    assert error_of(response) == (404, f"Project not found: {UNKNOWN}")


async def test_filters_are_combined_in_every_way(api: Api) -> None:
    shop, blog = await post_project(api), await post_project(api)
    rows = [
        await post_request(api, project_id=project["id"], session_id=session, status=status)
        for project in (shop, blog)
        for session in ("s-1", "s-2")
        for status in ("active", "completed")
    ]
    wanted = {"project_id": shop["id"], "session_id": "s-2", "status": "active"}

    for chosen in range(8):
        names = [name for bit, name in enumerate(wanted) if chosen & 1 << bit]
        query = {name: wanted[name] for name in names}
        expected = [r["id"] for r in rows[::-1] if all(r[n] == wanted[n] for n in names)]
        assert await ids(api, "/api/requests", "requests", **query) == expected


@pytest.mark.parametrize(
    "query", [{"status": "nonsense"}, {"session_id": "S-1"}, {"project_id": UNKNOWN}]
)
async def test_a_filter_that_nothing_meets_leaves_nothing(api: Api, query: Row) -> None:
    await post_request(api, session_id="s-1")

    assert await get(api, "/api/requests", **query) == {
        "requests": [],
        "count": 0,
        "limit": 100,
        "offset": 0,
    }


async def test_an_empty_filter_is_none(api: Api) -> None:
    request = await post_request(api)

    listed = await ids(api, "/api/requests", "requests", status="", session_id="", project_id="")

    assert listed == [request["id"]]


async def test_the_list_shows_whole_requests(api: Api) -> None:
    request = await post_request(api, metadata={"a": 1})

    page = await get(api, "/api/requests")

    assert page == {"requests": [request], "count": 1, "limit": 100, "offset": 0}


async def test_one_request_shows_its_waves_in_order(api: Api) -> None:
    request = await post_request(api)
    waves = [
        await post_task(api, request_id=request["id"], wave_number=number) for number in (2, 0, 2)
    ]
    await post_task(api)

    shown = (await get(api, f"/api/requests/{request['id']}"))["request"]

    assert shown == {**request, "tasks": [waves[1], waves[0], waves[2]]}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_request_is_not_found(api: Api, method: str) -> None:
    response = await api.request(method, f"/api/requests/{UNKNOWN}", json={"status": "completed"})

    assert error_of(response) == (404, "Request not found")


@pytest.mark.parametrize("status", TERMINAL)
async def test_finishing_sets_completed_at_and_reopening_clears_it(api: Api, status: str) -> None:
    request = await post_request(api)

    finished = await patch(api, request, status=status)
    reopened = await patch(api, request, status="active")

    assert finished["status"] == status
    assert is_wire_time(finished["completed_at"])
    assert reopened == request


@pytest.mark.parametrize("status", TERMINAL)
async def test_a_request_can_be_posted_finished(api: Api, status: str) -> None:
    request = await post_request(api, status=status)

    assert is_wire_time(request["completed_at"])


async def test_failing_after_completing_keeps_the_first_moment(api: Api) -> None:
    request = await post_request(api)
    completed = await patch(api, request, status="completed")

    failed = await patch(api, request, status="failed")

    assert failed["completed_at"] == completed["completed_at"]


async def test_completing_again_sets_the_moment_anew(api: Api) -> None:
    request = await post_request(api)
    failed = await patch(api, request, status="failed")

    completed = await patch(api, request, status="completed")

    assert completed["completed_at"] >= failed["completed_at"]
    assert completed["status"] == "completed"


async def test_metadata_is_merged_and_leaves_the_status_alone(api: Api) -> None:
    request = await post_request(api, status="failed", metadata={"a": {"x": 1}, "b": 1})

    patched = await patch(api, request, metadata={"a": 2, "c": None})

    assert patched == {**request, "metadata": {"a": 2, "b": 1, "c": None}}


async def test_other_keys_do_not_change_a_request(api: Api) -> None:
    request = await post_request(api)

    patched = await patch(api, request, metadata={}, prompt="x", completed_at="x", id=UNKNOWN)

    assert patched == request


@pytest.mark.parametrize("body", [{}, {"prompt": "x"}, {"status": None, "metadata": None}])
async def test_an_update_of_nothing_is_refused(api: Api, body: Row) -> None:
    request = await post_request(api)

    response = await api.patch(f"/api/requests/{request['id']}", json=body)

    assert error_of(response) == (400, "No update fields provided")


@pytest.mark.parametrize("body", [{"status": "done"}, {"status": ""}, {"metadata": "x"}])
async def test_an_update_is_validated_before_the_request_is_looked_up(api: Api, body: Row) -> None:
    response = await api.patch(f"/api/requests/{UNKNOWN}", json=body)

    assert bad_fields(response) == set(body)


async def test_deleting_a_request_takes_everything_below_it_along(api: Api) -> None:
    request, other = await post_request(api), await post_request(api)
    task = await post_task(api, request_id=request["id"])
    await post_subtask(api, task_id=task["id"])

    response = await api.delete(f"/api/requests/{request['id']}")

    assert (response.status_code, response.content) == (204, b"")
    assert await ids(api, "/api/requests", "requests") == [other["id"]]
    assert await ids(api, "/api/tasks", "tasks") == []
    assert await ids(api, "/api/subtasks", "subtasks") == []
