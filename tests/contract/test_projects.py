"""Contract: rest 5.2, quirks R06, R09, R10, R15, R16."""

from typing import Any

import pytest

from dcm.lib.threads import in_thread
from projects.models import Project
from tests.conftest import Api
from tests.contract.rest import (
    UNKNOWN,
    bad_fields,
    error_of,
    get,
    ids,
    is_wire_time,
    post_action,
    post_message,
    post_project,
    post_request,
    post_subtask,
    post_task,
)
from tests.factories import make_action, make_request, make_subtask


async def test_a_project_comes_back_as_it_was_posted(api: Api) -> None:
    body = {"path": "/srv/shop", "name": "Shop", "metadata": {"lang": "py", "n": [1]}}

    response = await api.post("/api/projects", json=body)

    assert response.status_code == 201
    assert list(response.json()) == ["success", "project"]
    project = response.json()["project"]
    assert list(project) == ["id", "path", "name", "created_at", "updated_at", "metadata"]
    assert {name: project[name] for name in body} == body
    assert is_wire_time(project["created_at"])
    assert await get(api, "/api/projects/by-path", path="/srv/shop") == {"project": project}


async def test_only_the_path_is_required(api: Api) -> None:
    project = await post_project(api, path="/srv/shop")

    assert (project["name"], project["metadata"]) == (None, {})


async def test_nulls_count_as_absent(api: Api) -> None:
    await post_project(api, path="/srv/shop", name="Shop", metadata={"a": 1})

    project = await post_project(api, path="/srv/shop", name=None, metadata=None)

    assert (project["name"], project["metadata"]) == ("Shop", {"a": 1})


async def test_an_empty_name_replaces_the_stored_one(api: Api) -> None:
    await post_project(api, path="/srv/shop", name="Shop")

    project = await post_project(api, path="/srv/shop", name="")

    assert project["name"] == ""


async def test_metadata_is_merged_shallowly_and_new_keys_win(api: Api) -> None:
    await post_project(api, path="/srv/shop", metadata={"a": {"x": 1}, "b": 1})

    project = await post_project(api, path="/srv/shop", metadata={"a": {"y": 2}, "c": None})

    assert project["metadata"] == {"a": {"y": 2}, "b": 1, "c": None}


async def test_posting_again_refreshes_only_updated_at(api: Api) -> None:
    first = await post_project(api, path="/srv/shop")
    other = await post_project(api, path="/srv/blog")

    again = await post_project(api, path="/srv/shop")

    assert again["created_at"] == first["created_at"]
    assert again["updated_at"] >= first["updated_at"]
    assert await ids(api, "/api/projects", "projects") == [first["id"], other["id"]]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("/srv/shop/", "/srv/shop"),
        ("/srv/shop///", "/srv/shop"),
        ("/", "/"),
        ("//", "/"),
        (" /Srv//shop ", " /Srv//shop "),
        ("C:\\shop", "C:\\shop"),
        ("/srv/büro/😀", "/srv/büro/😀"),
    ],
)
async def test_only_trailing_slashes_of_a_path_are_removed(
    api: Api, given: str, stored: str
) -> None:
    project = await post_project(api, path=given)

    found = await get(api, "/api/projects/by-path", path=given)

    assert project["path"] == stored
    assert found["project"]["id"] == project["id"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"path"}),
        ({"path": None}, {"path"}),
        ({"path": ""}, {"path"}),
        ({"path": 5, "name": 5, "metadata": []}, {"path", "name", "metadata"}),
        ({"path": "/a", "metadata": "{}"}, {"metadata"}),
    ],
)
async def test_bad_fields_are_named(api: Api, body: Any, fields: set[str]) -> None:
    response = await api.post("/api/projects", json=body)

    assert bad_fields(response) == fields


async def test_a_path_longer_than_an_index_takes_is_refused(api: Api) -> None:
    response = await api.post("/api/projects", json={"path": _noise(9000)})

    assert bad_fields(response) <= {"path"}


def _noise(length: int) -> str:
    # Unlike a run of one letter, this cannot be stored compressed.
    return "".join(chr(0x4E00 + n * n * 31 % 20_000) for n in range(length))


async def test_the_list_is_by_last_update_with_the_number_of_all(api: Api) -> None:
    made = [await post_project(api) for _ in range(3)]

    page = await get(api, "/api/projects", limit=2, offset=1)

    assert page == {
        "projects": [made[1], made[0]],
        "count": 2,
        "total": 3,
        "limit": 2,
        "offset": 1,
    }


async def test_a_page_holds_at_most_100(api: Api) -> None:
    many = [Project(path=f"/srv/{n}") for n in range(101)]
    await in_thread(Project.objects.bulk_create, many)

    page = await get(api, "/api/projects", limit=1000)

    assert (page["count"], page["total"], page["limit"]) == (100, 101, 100)


@pytest.mark.parametrize("query", ["", "?path=", "?other=1"])
async def test_looking_up_no_path_is_refused(api: Api, query: str) -> None:
    response = await api.get(f"/api/projects/by-path{query}")

    assert error_of(response) == (400, "Missing query parameter: path")


async def test_an_unknown_path_is_not_found(api: Api) -> None:
    response = await api.get("/api/projects/by-path?path=/nowhere")

    assert error_of(response) == (404, "Project not found")


async def test_one_project_shows_its_requests_newest_first(api: Api) -> None:
    project = await post_project(api, path="/srv/shop")
    made = [await post_request(api, project_id=project["id"]) for _ in range(2)]
    await post_request(api)

    shown = (await get(api, f"/api/projects/{project['id']}"))["project"]

    assert list(shown) == [*project, "requests", "stats"]
    for row in made:
        del row["project_id"]
    assert shown["requests"] == made[::-1]


async def test_one_project_shows_at_most_50_requests(api: Api) -> None:
    project = (await in_thread(make_request)).project
    for _ in range(50):
        await in_thread(make_request, project=project)

    shown = (await get(api, f"/api/projects/{project.id}"))["project"]

    assert len(shown["requests"]) == 50
    assert shown["stats"]["total_requests"] == 51


async def test_stats_count_the_whole_tree_in_numbers(api: Api) -> None:
    subtask = await in_thread(make_subtask)
    task = subtask.task
    project = task.request.project
    await in_thread(make_subtask, task=task)
    await in_thread(make_action, subtask=subtask, duration_ms=10)
    await in_thread(make_action, subtask=subtask, duration_ms=73)
    last = await in_thread(make_action, subtask=subtask, exit_code=1)
    await in_thread(make_action, duration_ms=1000)

    stats = (await get(api, f"/api/projects/{project.id}"))["project"]["stats"]

    assert is_wire_time(stats["last_activity"])
    assert stats == {
        "project_id": str(project.id),
        "project_name": None,
        "path": project.path,
        "total_requests": 1,
        "total_subtasks": 2,
        "total_actions": 3,
        "successful_actions": 2,
        "avg_duration_ms": 41.5,
        "last_activity": last.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


async def test_stats_of_an_empty_project_are_zero(api: Api) -> None:
    project = await post_project(api, path="/srv/shop", name="Shop")

    stats = (await get(api, f"/api/projects/{project['id']}"))["project"]["stats"]

    assert stats == {
        "project_id": project["id"],
        "project_name": "Shop",
        "path": "/srv/shop",
        "total_requests": 0,
        "total_subtasks": 0,
        "total_actions": 0,
        "successful_actions": 0,
        "avg_duration_ms": 0,
        "last_activity": None,
    }


async def test_an_unknown_project_is_not_found(api: Api) -> None:
    for method in ("GET", "DELETE"):
        response = await api.request(method, f"/api/projects/{UNKNOWN}")

        assert error_of(response) == (404, "Project not found")


async def test_deleting_a_project_takes_everything_below_it_along(api: Api) -> None:
    project = await post_project(api)
    request = await post_request(api, project_id=project["id"])
    task = await post_task(api, request_id=request["id"])
    subtask = await post_subtask(api, task_id=task["id"])
    await post_action(api, subtask_id=subtask["id"])
    await post_message(api, project_id=project["id"])
    kept = await post_message(api, to_agent="ag-7")

    response = await api.delete(f"/api/projects/{project['id']}")

    assert (response.status_code, response.content) == (204, b"")
    for path in ("projects", "requests", "tasks", "subtasks", "actions"):
        assert await ids(api, f"/api/{path}", path) == []
    assert await ids(api, "/api/messages/ag-7", "messages") == [kept["id"]]


async def test_a_deleted_project_leaves_its_sessions_behind(api: Api) -> None:
    project = await post_project(api)
    await api.post("/api/sessions", json={"id": "s-1", "project_id": project["id"]})

    response = await api.delete(f"/api/projects/{project['id']}")

    assert response.status_code == 204
    assert (await get(api, "/api/sessions/s-1"))["project_id"] is None


async def test_a_project_is_not_patched(api: Api) -> None:
    project = await post_project(api)

    response = await api.patch(f"/api/projects/{project['id']}", json={"name": "Shop"})

    assert error_of(response) == (404, "Not Found")
