"""An unexpected error is a 500 with the label of its route. Contract: rest 8, quirk R05."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from django.db import connection

from dcm.lib.threads import in_thread
from tests.conftest import Api
from tests.contract.rest import UNKNOWN, Row

PROJECT, REQUEST, TASK = "projects_project", "projects_request", "projects_task"
SUBTASK, ACTION, SCORE = "projects_subtask", "projects_action", "routing_keywordtoolscore"
SESSION, MESSAGE = "sessions_app_session", "messaging_message"
SUBSCRIPTION, BLOCK = "messaging_subscription", "messaging_block"

TOPIC = {"agent_id": "a", "topic": "task.created"}
PAIR = {"blocked_by": "a", "blocked_agent": "b"}
WORK = {"agent_id": "a", "session_id": "s"}

LABELS: list[tuple[str, str, str, Row | None, str]] = [
    ("GET", "/stats", PROJECT, None, "Failed to get stats"),
    ("GET", "/api/cleanup/stats", MESSAGE, None, "Failed to get cleanup stats"),
    ("POST", "/api/projects", PROJECT, {"path": "/a"}, "Failed to create project"),
    ("GET", "/api/projects", PROJECT, None, "Failed to fetch projects"),
    ("GET", f"/api/projects/{UNKNOWN}", PROJECT, None, "Failed to fetch project"),
    ("GET", "/api/projects/by-path?path=/a", PROJECT, None, "Failed to fetch project"),
    ("DELETE", f"/api/projects/{UNKNOWN}", PROJECT, None, "Failed to delete project"),
    (
        "POST",
        "/api/requests",
        REQUEST,
        {"project_id": UNKNOWN, "session_id": "s", "prompt": "x"},
        "Failed to create request",
    ),
    ("GET", "/api/requests", REQUEST, None, "Failed to fetch requests"),
    ("GET", f"/api/requests/{UNKNOWN}", REQUEST, None, "Failed to fetch request"),
    ("PATCH", f"/api/requests/{UNKNOWN}", REQUEST, {"metadata": {}}, "Failed to update request"),
    ("DELETE", f"/api/requests/{UNKNOWN}", REQUEST, None, "Failed to delete request"),
    ("POST", "/api/tasks", REQUEST, {"request_id": UNKNOWN}, "Failed to create task"),
    ("GET", "/api/tasks", TASK, None, "Failed to fetch tasks"),
    ("GET", f"/api/tasks/{UNKNOWN}", TASK, None, "Failed to fetch task"),
    ("PATCH", f"/api/tasks/{UNKNOWN}", TASK, {"name": "x"}, "Failed to update task"),
    ("DELETE", f"/api/tasks/{UNKNOWN}", TASK, None, "Failed to delete task"),
    (
        "POST",
        "/api/subtasks",
        TASK,
        {"task_id": UNKNOWN, "description": "x"},
        "Failed to create subtask",
    ),
    ("GET", "/api/subtasks", SUBTASK, None, "Failed to fetch subtasks"),
    ("GET", f"/api/subtasks/{UNKNOWN}", SUBTASK, None, "Failed to fetch subtask"),
    ("PATCH", f"/api/subtasks/{UNKNOWN}", SUBTASK, {"result": {}}, "Failed to update subtask"),
    ("DELETE", f"/api/subtasks/{UNKNOWN}", SUBTASK, None, "Failed to delete subtask"),
    (
        "POST",
        "/api/actions",
        ACTION,
        {"tool_name": "a", "tool_type": "mcp"},
        "Failed to record action",
    ),
    ("GET", "/api/actions", ACTION, None, "Failed to fetch actions"),
    ("GET", "/api/actions/hourly", ACTION, None, "Failed to fetch hourly actions"),
    ("DELETE", f"/api/actions/{UNKNOWN}", ACTION, None, "Failed to delete action"),
    ("DELETE", "/api/actions/by-session/s", ACTION, None, "Failed to delete actions by session"),
    ("GET", "/api/routing/suggest?keywords=a", SCORE, None, "Failed to suggest routing"),
    ("GET", "/api/routing/stats", SCORE, None, "Failed to get routing stats"),
    (
        "POST",
        "/api/routing/feedback",
        SCORE,
        {"tool_name": "a", "keywords": ["b"]},
        "Failed to process feedback",
    ),
    ("GET", f"/api/hierarchy/{UNKNOWN}", PROJECT, None, "Failed to fetch hierarchy"),
    ("GET", "/api/active-sessions", SUBTASK, None, "Failed to fetch active sessions"),
    ("POST", "/api/sessions", SESSION, {"id": "s"}, "Failed to create session"),
    ("GET", "/api/sessions", SESSION, None, "Failed to fetch sessions"),
    ("GET", "/api/sessions/s", SESSION, None, "Failed to fetch session"),
    ("GET", "/api/sessions/stats", SESSION, None, "Failed to fetch sessions stats"),
    ("PATCH", "/api/sessions/s", SESSION, {"total_errors": 1}, "Failed to update session"),
    ("DELETE", "/api/sessions/s", SESSION, None, "Failed to delete session"),
    (
        "POST",
        "/api/messages",
        MESSAGE,
        {"from_agent": "a", "topic": "task.created", "content": "x"},
        "Failed to publish message",
    ),
    ("GET", "/api/messages/a", MESSAGE, None, "Failed to fetch messages"),
    ("POST", "/api/subscribe", SUBSCRIPTION, TOPIC, "Failed to create subscription"),
    ("GET", "/api/subscriptions", SUBSCRIPTION, None, "Failed to fetch subscriptions"),
    ("GET", "/api/subscriptions/a", SUBSCRIPTION, None, "Failed to fetch agent subscriptions"),
    (
        "DELETE",
        f"/api/subscriptions/{UNKNOWN}",
        SUBSCRIPTION,
        None,
        "Failed to delete subscription",
    ),
    ("POST", "/api/unsubscribe", SUBSCRIPTION, TOPIC, "Failed to unsubscribe"),
    ("POST", "/api/blocking", BLOCK, PAIR, "Failed to block agent"),
    ("GET", "/api/blocking/a", BLOCK, None, "Failed to check blocking status"),
    ("GET", "/api/blocking/check?agent_id=a", BLOCK, None, "Failed to check blocking status"),
    ("DELETE", f"/api/blocking/{UNKNOWN}", BLOCK, None, "Failed to unblock agent"),
    ("POST", "/api/unblock", BLOCK, PAIR, "Failed to unblock agent"),
    ("GET", "/api/context/a?session_id=s", SUBTASK, None, "Failed to get context"),
    ("POST", "/api/context/generate", SUBTASK, WORK, "Failed to generate context"),
    ("POST", "/api/compact/restore", SUBTASK, WORK, "Failed to restore context"),
    ("GET", "/api/compact/status/s", REQUEST, None, "Failed to get compact status"),
]


@contextlib.asynccontextmanager
async def without(table: str) -> AsyncIterator[None]:
    """The database lacks this table for a while."""
    await in_thread(_rename, table, "gone")
    try:
        yield
    finally:
        await in_thread(_rename, "gone", table)


def _rename(name: str, new_name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO {new_name}")


@pytest.mark.parametrize(("method", "path", "table", "body", "label"), LABELS)
async def test_an_unexpected_error_has_the_label_of_its_route_and_leaks_nothing(
    api: Api, method: str, path: str, table: str, body: Row | None, label: str
) -> None:
    async with without(table):
        response = await api.request(method, path, json=body)

    assert response.status_code == 500, response.text
    assert list(response.json()) == ["error", "message"]
    assert response.json()["error"] == label
    assert table not in response.text
    assert "relation" not in response.text


async def test_the_server_works_on_after_an_unexpected_error(api: Api) -> None:
    async with without(PROJECT):
        await api.post("/api/projects", json={"path": "/srv/shop"})

    response = await api.post("/api/projects", json={"path": "/srv/shop"})

    assert response.status_code == 201
