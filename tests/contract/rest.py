"""What the tests of the contract share: rows posted over HTTP, and how a refusal reads."""

import itertools
import re
from typing import Any

from httpx import Response

from tests.conftest import Api

Row = dict[str, Any]
UNKNOWN = "00000000-0000-4000-8000-000000000000"
"""An id that no row has."""

NOT_UUIDS = ["x", "0b7c9f7e5a544a539a0e0c6f5f9d1b11", "0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b1g"]
_WIRE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_numbers = itertools.count(1)


async def post_project(api: Api, **fields: Any) -> Row:
    fields.setdefault("path", f"/srv/project-{next(_numbers)}")
    return await _post(api, "/api/projects", "project", fields)


async def post_request(api: Api, **fields: Any) -> Row:
    if "project_id" not in fields:
        fields["project_id"] = (await post_project(api))["id"]
    defaults = {"session_id": "s-1", "prompt": "Add login"}
    return await _post(api, "/api/requests", "request", defaults | fields)


async def post_task(api: Api, **fields: Any) -> Row:
    if "request_id" not in fields:
        fields["request_id"] = (await post_request(api))["id"]
    return await _post(api, "/api/tasks", "task", fields)


async def post_subtask(api: Api, **fields: Any) -> Row:
    if "task_id" not in fields:
        fields["task_id"] = (await post_task(api))["id"]
    defaults = {"description": "Write the serializer"}
    return await _post(api, "/api/subtasks", "subtask", defaults | fields)


async def post_action(api: Api, **fields: Any) -> Row:
    defaults = {"tool_name": "Edit", "tool_type": "builtin"}
    return await _post(api, "/api/actions", "action", defaults | fields)


async def post_message(api: Api, **fields: Any) -> Row:
    defaults = {"from_agent": "planner", "topic": "task.created", "content": {"n": 1}}
    return await _post(api, "/api/messages", "message", defaults | fields)


async def post_session(api: Api, **fields: Any) -> Row:
    fields.setdefault("id", f"session-{next(_numbers)}")
    return await _post(api, "/api/sessions", "session", fields)


async def subscribe(api: Api, **fields: Any) -> Row:
    defaults = {"agent_id": "ag-7", "topic": "task.created"}
    return await _post(api, "/api/subscribe", "subscription", defaults | fields)


async def block(api: Api, **fields: Any) -> Row:
    defaults = {"blocked_by": "ag-1", "blocked_agent": "ag-2"}
    return await _post(api, "/api/blocking", "blocking", defaults | fields)


async def _post(api: Api, path: str, name: str, fields: Row) -> Row:
    response = await api.post(path, json=fields)
    assert response.status_code == 201, response.text
    row: Row = response.json()[name]
    return row


async def get(api: Api, path: str, /, **query: Any) -> Any:
    response = await api.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def ids(api: Api, path: str, name: str, /, **query: Any) -> list[str]:
    """The ids of a list, in its order."""
    return [row["id"] for row in (await get(api, path, **query))[name]]


def quoted(text: str) -> str:
    """The text as one part of a path, every character escaped."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def error_of(response: Response) -> tuple[int, str]:
    """Status and `error` text."""
    return response.status_code, response.json()["error"]


def bad_fields(response: Response, error: str = "Validation failed") -> set[str]:
    """The fields that a refusal names, once it has the shape of one."""
    assert error_of(response) == (400, error), response.text
    details: dict[str, list[str]] = response.json()["details"]
    assert all(texts and all(isinstance(text, str) for text in texts) for texts in details.values())
    return set(details)


def bad_parameters(response: Response) -> set[str]:
    return bad_fields(response, "Invalid query parameters")


def is_wire_time(value: object) -> bool:
    """Whether it looks like 2026-03-04T05:06:07.089Z."""
    return isinstance(value, str) and _WIRE_TIME.fullmatch(value) is not None
