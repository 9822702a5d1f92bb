"""Long lists page by page, conditional reads, compressed replies, whole actions, batches."""

import asyncio
import uuid
from typing import Any

import pytest

from dcm.lib.threads import in_thread
from tests.conftest import Api
from tests.factories import make_action, make_project, make_subtask

ACTION = {"tool_name": "Edit", "tool_type": "builtin"}


async def read_all(api: Api, path: str, name: str, **query: Any) -> list[Any]:
    rows: list[Any] = []
    cursor = None
    while True:
        given = {**query, "limit": 7, **({"cursor": cursor} if cursor else {})}
        reply = (await api.get(path, params=given)).json()
        rows += reply[name]
        cursor = reply["next_cursor"]
        if cursor is None:
            return rows


async def test_pages_neither_skip_nor_repeat_while_actions_are_added(api: Api) -> None:
    await asyncio.gather(*(api.post("/api/actions", json=ACTION) for _ in range(30)))
    known = {each["id"] for each in (await api.get("/api/actions")).json()["actions"]}

    async def add() -> None:
        for _ in range(10):
            await api.post("/api/actions", json=ACTION)

    rows, _ = await asyncio.gather(read_all(api, "/api/actions", "actions"), add())

    ids = [each["id"] for each in rows]
    assert len(ids) == len(set(ids))
    assert known <= set(ids)


async def test_sessions_and_inboxes_are_read_page_by_page(api: Api) -> None:
    for number in range(20):
        await api.post("/api/sessions", json={"id": f"s-{number}"})
        message = {"from_agent": "a", "topic": "task.created", "content": "x", "to_agent": "b"}
        await api.post("/api/messages", json={**message, "priority": number % 3})

    sessions = await read_all(api, "/api/sessions", "sessions")
    messages = await read_all(api, "/api/messages/b", "messages")

    assert [each["id"] for each in sessions] == [f"s-{n}" for n in reversed(range(20))]
    assert [each["priority"] for each in messages] == [2] * 6 + [1] * 7 + [0] * 7
    assert len({each["id"] for each in messages}) == 20


@pytest.mark.parametrize("cursor", ["x", "e30", "WzEsMl0", "W10", "////", "WyJhIiwiYiJd", "🙂"])
async def test_what_is_no_cursor_is_refused(api: Api, cursor: str) -> None:
    for path in ("/api/actions", "/api/sessions", "/api/messages/b"):
        reply = await api.get(path, params={"cursor": cursor})

        assert reply.status_code == 400
        assert list(reply.json()["details"]) == ["cursor"]


async def test_actions_are_filtered_by_time(api: Api) -> None:
    await in_thread(make_action, created_at="2026-01-01T00:00:00Z", tool_name="Old")
    await in_thread(make_action, created_at="2026-02-01T00:00:00Z", tool_name="New")

    since = {"since": "2026-01-15T00:00:00Z"}
    until = {"until": "2026-01-15T00:00:00Z"}
    newer = (await api.get("/api/actions", params=since)).json()["actions"]
    older = (await api.get("/api/actions", params=until)).json()["actions"]

    assert [each["tool_name"] for each in newer] == ["New"]
    assert [each["tool_name"] for each in older] == ["Old"]


async def test_an_unchanged_hierarchy_is_not_sent_again(api: Api) -> None:
    project = await in_thread(make_project)
    first = await api.get(f"/api/hierarchy/{project.id}")

    tag = {"If-None-Match": first.headers["ETag"]}
    again = await api.get(f"/api/hierarchy/{project.id}", headers=tag)
    await api.post("/api/projects", json={"path": project.path, "name": "Renamed"})
    changed = await api.get(f"/api/hierarchy/{project.id}", headers=tag)

    assert (again.status_code, again.content) == (304, b"")
    assert (changed.status_code, changed.json()["hierarchy"]["name"]) == (200, "Renamed")


async def test_large_replies_are_compressed_for_those_who_ask(api: Api) -> None:
    await asyncio.gather(*(api.post("/api/actions", json=ACTION) for _ in range(40)))

    packed = await api.get("/api/actions", headers={"Accept-Encoding": "gzip"})
    plain = await api.get("/api/actions", headers={"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    # Node refuses a reply that says it twice.
    assert len(packed.headers.get_list("Content-Length")) == 1
    assert "Content-Encoding" not in plain.headers
    assert packed.json()["actions"] == plain.json()["actions"]


async def test_an_action_is_read_whole_with_its_place(api: Api) -> None:
    subtask = await in_thread(make_subtask, agent_id="ag-7", agent_type="backend")
    long = "Grüße " * 5_000
    given = {"input": long, "output": "ok", "session_id": "s", "project_path": "/p"}
    sent = {**ACTION, **given, "subtask_id": str(subtask.id)}
    made = (await api.post("/api/actions", json=sent)).json()["action"]

    action = (await api.get(f"/api/actions/{made['id']}")).json()["action"]

    assert {name: action[name] for name in sent} == sent
    assert (action["agent_id"], action["agent_type"]) == ("ag-7", "backend")
    assert action["task_id"] == str(subtask.task_id)
    assert action["request_id"] == str(subtask.task.request_id)
    assert action["project_id"] == str(subtask.task.request.project_id)
    assert action["metadata"] == {"session_id": "s", "project_path": "/p"}


async def test_an_action_without_a_subtask_has_no_place(api: Api) -> None:
    made = (await api.post("/api/actions", json=ACTION)).json()["action"]

    action = (await api.get(f"/api/actions/{made['id']}")).json()["action"]
    missing = await api.get(f"/api/actions/{uuid.uuid4()}")

    places = ("subtask_id", "agent_id", "agent_type", "task_id", "request_id", "project_id")
    assert [action[name] for name in places] == [None] * 6
    assert (missing.status_code, missing.json()) == (404, {"error": "Action not found"})


async def test_a_batch_stores_what_is_good_and_names_what_is_not(api: Api) -> None:
    bad = [{"tool_name": ""}, 5, {**ACTION, "subtask_id": str(uuid.uuid4())}]
    sent = {"actions": [ACTION, *bad, {**ACTION, "input": "login form"}]}

    reply = await api.post("/api/actions/batch", json=sent)

    results = reply.json()["results"]
    assert reply.status_code == 207
    assert reply.json()["count"] == 2
    assert [each["success"] for each in results] == [True, False, False, False, True]
    assert results[4]["action"]["keywords_extracted"] == 2
    assert results[1]["error"] == "Validation failed"
    assert results[3]["error"].startswith("Subtask not found")
    assert len((await api.get("/api/actions")).json()["actions"]) == 2


async def test_a_thousand_actions_are_one_batch_and_not_one_more(api: Api) -> None:
    whole = await api.post("/api/actions/batch", json={"actions": [ACTION] * 1000})
    larger = await api.post("/api/actions/batch", json={"actions": [ACTION] * 1001})

    assert (whole.status_code, whole.json()["count"]) == (201, 1000)
    assert larger.status_code == 400
