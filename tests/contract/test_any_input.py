"""Whatever a client sends, the answer is JSON and no 5xx. Contract: rest 1.2."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Server
from tests.contract.rest import UNKNOWN, quoted

FIELDS = {
    "/api/projects": ["path", "name", "metadata"],
    "/api/requests": ["project_id", "session_id", "prompt", "prompt_type", "status", "metadata"],
    "/api/tasks": ["request_id", "name", "wave_number", "status"],
    "/api/subtasks": [
        "task_id",
        "task_list_id",
        "description",
        "agent_type",
        "agent_id",
        "status",
        "blocked_by",
        "context_snapshot",
    ],
    "/api/actions": [
        "id",
        "tool_name",
        "tool_type",
        "input",
        "output",
        "exit_code",
        "duration_ms",
        "file_paths",
        "subtask_id",
        "session_id",
        "project_path",
    ],
    "/api/routing/feedback": [
        "tool_name",
        "keywords",
        "chosen",
        "selected_tool",
        "was_helpful",
        "project_id",
    ],
    "/api/sessions": ["id", "session_id", "project_id", "started_at", "ended_at", "total_errors"],
    "/api/messages": [
        "from_agent",
        "to_agent",
        "topic",
        "content",
        "payload",
        "priority",
        "ttl_seconds",
        "ttl_ms",
        "project_id",
    ],
    "/api/subscribe": ["agent_id", "topic", "event_type", "callback_url"],
    "/api/unsubscribe": ["agent_id", "topic", "event_type"],
    "/api/blocking": ["blocked_by", "blocked_agent", "blocker_id", "blocked_id", "reason"],
    "/api/unblock": ["blocked_by", "blocked_agent", "blocker_id", "blocked_id"],
    "/api/auth/token": ["agent_id", "session_id"],
}
PARAMETERS = {
    "/api/projects": ["limit", "offset"],
    "/api/projects/by-path": ["path"],
    "/api/requests": ["limit", "offset", "project_id", "session_id", "status"],
    "/api/tasks": ["limit", "offset", "request_id", "status"],
    "/api/subtasks": ["limit", "offset", "task_id", "status", "agent_type", "agent_id"],
    "/api/actions": ["limit", "offset", "tool_type", "tool_name", "session_id", "subtask_id"],
    "/api/routing/suggest": [
        "keywords",
        "limit",
        "min_score",
        "tool_type",
        "project_id",
        "explain",
    ],
    "/api/search": [
        "q",
        "kinds",
        "project_id",
        "session_id",
        "agent_id",
        "reader",
        "since",
        "until",
        "limit",
        "cursor",
    ],
    "/api/sessions": ["limit", "offset", "project_id", "active_only"],
    "/api/messages/ag-7": ["since", "topic", "include_broadcasts", "limit", "mark_read"],
    "/api/subscriptions": ["agent_id", "topic", "limit"],
    "/api/blocking/check": ["blocker", "blocked", "agent_id", "blocked_by"],
}
PATHS = [
    "/api/projects",
    "/api/requests",
    "/api/tasks",
    "/api/subtasks",
    "/api/actions",
    "/api/actions/by-session",
    "/api/hierarchy",
    "/api/sessions",
    "/api/messages",
    "/api/subscriptions",
    "/api/blocking",
]

texts = st.text(max_size=20) | st.sampled_from(
    [
        "",
        "\0",
        UNKNOWN,
        "2026-03-04T05:06:07Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "completed",
        "task.created",
        "builtin",
        "http://[",
        "1e400",
        "-0",
        "x" * 3000,
    ]
)
numbers = st.integers(-(2**70), 2**70) | st.integers(-2, 12) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10) as client:
        client.post("/api/sessions", json={"id": "s-1"})
        yield client


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code != 204:
        reply = response.json()
        assert (response.status_code >= 400) == ("error" in reply)


@pytest.mark.parametrize("path", FIELDS)
@given(data=st.data())
def test_any_body_has_an_answer(client: httpx.Client, path: str, data: st.DataObject) -> None:
    body: dict[str, Any] = data.draw(st.dictionaries(st.sampled_from(FIELDS[path]), values))

    check(client.post(path, content=json.dumps(body)))


@given(
    body=st.dictionaries(
        st.sampled_from(["ended_at", "total_tools_used", "total_success", "total_errors"]), values
    )
)
def test_any_update_of_a_session_has_an_answer(client: httpx.Client, body: dict[str, Any]) -> None:
    client.post("/api/sessions", json={"id": "s-1"})

    check(client.patch("/api/sessions/s-1", content=json.dumps(body)))


@pytest.mark.parametrize("path", PARAMETERS)
@given(data=st.data())
def test_any_query_has_an_answer(client: httpx.Client, path: str, data: st.DataObject) -> None:
    given_query = data.draw(st.dictionaries(st.sampled_from(PARAMETERS[path]), texts))
    query = "&".join(f"{name}={quoted(text)}" for name, text in given_query.items())

    check(client.get(f"{path}?{query}"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
@given(text=texts)
def test_any_id_has_an_answer(client: httpx.Client, path: str, method: str, text: str) -> None:
    check(client.request(method, f"{path}/{quoted(text)}", content=b'{"name":"x"}'))
