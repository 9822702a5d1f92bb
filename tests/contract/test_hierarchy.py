"""Contract: rest 5.8, with the agents at work. Quirk R10."""

import pytest

from tests.conftest import Api
from tests.contract.rest import (
    UNKNOWN,
    error_of,
    get,
    post_action,
    post_project,
    post_request,
    post_subtask,
    post_task,
)


async def test_the_hierarchy_nests_requests_tasks_and_subtasks(api: Api) -> None:
    project = await post_project(api, name="Shop", metadata={"a": 1})
    request = await post_request(api, project_id=project["id"], metadata={"b": 2})
    task = await post_task(api, request_id=request["id"])
    subtask = await post_subtask(api, task_id=task["id"], context_snapshot={"c": 3})
    await post_subtask(api)

    reply = await get(api, f"/api/hierarchy/{project['id']}")

    del request["project_id"], subtask["context_snapshot"]
    tasks = [{**task, "subtasks": [subtask]}]
    assert list(reply) == ["hierarchy", "stats", "counts"]
    assert reply["hierarchy"] == {**project, "requests": [{**request, "tasks": tasks}]}
    assert reply["counts"] == {"requests": 1, "tasks": 1, "subtasks": 1}


async def test_requests_are_newest_first_tasks_by_wave_subtasks_oldest_first(api: Api) -> None:
    project = await post_project(api)
    requests = [await post_request(api, project_id=project["id"]) for _ in range(2)]
    of_request = {"request_id": requests[0]["id"]}
    waves = [await post_task(api, **of_request, wave_number=number) for number in (1, 0, 1)]
    subtasks = [await post_subtask(api, task_id=waves[0]["id"]) for _ in range(2)]

    tree = (await get(api, f"/api/hierarchy/{project['id']}"))["hierarchy"]

    new, old = tree["requests"]
    assert (new["id"], new["tasks"], old["id"]) == (requests[1]["id"], [], requests[0]["id"])
    assert [task["id"] for task in old["tasks"]] == [waves[n]["id"] for n in (1, 0, 2)]
    assert [row["id"] for row in old["tasks"][1]["subtasks"]] == [row["id"] for row in subtasks]


async def test_the_hierarchy_has_the_stats_of_its_project(api: Api) -> None:
    project = await post_project(api)
    request = await post_request(api, project_id=project["id"])
    task = await post_task(api, request_id=request["id"])
    subtask = await post_subtask(api, task_id=task["id"])
    await post_action(api, subtask_id=subtask["id"], duration_ms=5)

    tree = await get(api, f"/api/hierarchy/{project['id']}")

    shown = await get(api, f"/api/projects/{project['id']}")
    assert tree["stats"] == shown["project"]["stats"]
    assert (tree["stats"]["total_actions"], tree["stats"]["avg_duration_ms"]) == (1, 5)


async def test_the_hierarchy_of_an_empty_project_is_empty(api: Api) -> None:
    project = await post_project(api)

    reply = await get(api, f"/api/hierarchy/{project['id']}")

    assert reply["hierarchy"] == {**project, "requests": []}
    assert reply["counts"] == {"requests": 0, "tasks": 0, "subtasks": 0}


async def test_an_unknown_project_has_no_hierarchy(api: Api) -> None:
    response = await api.get(f"/api/hierarchy/{UNKNOWN}")

    assert error_of(response) == (404, "Project not found")


async def test_an_agent_at_work_is_shown_with_where_it_works(api: Api) -> None:
    project = await post_project(api, path="/srv/shop", name="Shop")
    request = await post_request(api, project_id=project["id"], session_id="s-1")
    task = await post_task(api, request_id=request["id"])
    agent = {"agent_type": "backend-django", "agent_id": "ag-7"}
    subtask = await post_subtask(api, task_id=task["id"], status="running", **agent)
    for _ in range(2):
        await post_action(api, subtask_id=subtask["id"])

    reply = await get(api, "/api/active-sessions")

    assert reply == {
        "active_agents": [
            {
                **agent,
                "project_id": project["id"],
                "project_name": "Shop",
                "status": "running",
                "current_task": "Write the serializer",
                "started_at": subtask["started_at"],
                "actions_count": 2,
                "subtask_id": subtask["id"],
                "description": "Write the serializer",
                "request_id": request["id"],
                "session_id": "s-1",
                "project_path": "/srv/shop",
                "created_at": subtask["created_at"],
            }
        ],
        "count": 1,
    }


@pytest.mark.parametrize(
    ("status", "count"),
    [
        ("pending", 0),
        ("running", 1),
        ("paused", 1),
        ("blocked", 1),
        ("completed", 0),
        ("failed", 0),
    ],
)
async def test_who_runs_pauses_or_is_blocked_is_at_work(api: Api, status: str, count: int) -> None:
    await post_subtask(api, status=status)

    assert (await get(api, "/api/active-sessions"))["count"] == count


async def test_the_latest_start_comes_first_after_those_that_have_none(api: Api) -> None:
    first = await post_subtask(api, status="running")
    waiting = await post_subtask(api, status="paused")
    last = await post_subtask(api, status="running")

    reply = await get(api, "/api/active-sessions")

    shown = [row["subtask_id"] for row in reply["active_agents"]]
    assert shown == [waiting["id"], last["id"], first["id"]]


async def test_equal_subtasks_are_rows_of_their_own(api: Api) -> None:
    task = await post_task(api)
    for _ in range(2):
        await post_subtask(api, task_id=task["id"], agent_id="ag-7", status="blocked")

    assert (await get(api, "/api/active-sessions"))["count"] == 2


async def test_nobody_at_work_is_an_empty_list(api: Api) -> None:
    assert await get(api, "/api/active-sessions") == {"active_agents": [], "count": 0}
