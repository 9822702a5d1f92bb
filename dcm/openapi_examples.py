"""An example for every body, parameter and reply, put together from one sample per name.

Each follows its schema, so an example can no more be wrong than the schema is.
"""

from typing import Any

Json = dict[str, Any]

UUID = "0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11"
MOMENT = "2026-03-04T05:06:07.089Z"
OF_FAILURE = {"error", "details"}  # left out where they are optional: examples show success
SAMPLES: Json = {
    "agent": "ag-7",
    "agent_id": "ag-7",
    "agent_type": "backend-django",
    "answer": "Yes, for an hour.",
    "answered_by": "ag-1",
    "asked_by": "ag-7",
    "blocked": "ag-2",
    "blocked_agent": "ag-2",
    "blocked_by": "ag-1",
    "blocked_by_agent": "ag-1",
    "blocker": "ag-1",
    "brief": "# Developer\n\n## Current task\n\nWrite the serializer",
    "by_agent": "ag-1",
    "callback_url": "https://example.org/told",
    "compact_agent": "ag-7",
    "compact_summary": "The login form is done; its tests are not.",
    "compat_output": "Edit|builtin|1.35",
    "channel": "global",
    "content": "# Developer\n\n## Current task\n\nWrite the serializer",
    "created_by": "ag-7",
    "current_task": "Write the serializer",
    "decided_by": "ag-1",
    "decision": "Tokens live for an hour",
    "description": "Write the serializer",
    "duration_ms": 120,
    "error": "The database cannot be reached",
    "exit_code": 0,
    "expires_in": 3600,
    "file_paths": "/srv/shop/forms.py",
    "from_agent": "planner",
    "from_agent_id": "planner",
    "hook_event_name": "UserPromptSubmit",
    "If-Match": '"3"',
    "input": "edit the login form",
    "key": "api/login",
    "keyword_matches": "login",
    "keywords": "login",
    "limit": 100,
    "message": "Updated 2 keyword scores for Edit",
    "message_type": "task.created",
    "name": "Shop",
    "next_cursor": "WzUsIjIwMjYtMDMtMDRUMDU6MDY6MDciXQ",
    "offset": 0,
    "output": "ok",
    "path": "/srv/shop",
    "priority": 5,
    "project_name": "Shop",
    "project_path": "/srv/shop",
    "prompt": "Add login",
    "question": "May tokens expire?",
    "question_id": UUID,
    "rationale": "Clients renew them",
    "read_by": "ag-7",
    "reason": "migration",
    "repo_path": "/srv/shop",
    "score": 1.35,
    "session_id": "s-1",
    "since": "10m",
    "status": "completed",
    "summary": "Task: Write the serializer",
    "tags": "login",
    "task_name": "Wave 0",
    "to_agent": "ag-2",
    "to_agent_id": "ag-2",
    "token": "eyJhZ2VudF9pZCI6ImFnLTcifQ.8f14e45f",
    "tool_name": "Edit",
    "tool_type": "builtin",
    "topic": "task.created",
    "topics": "task.created",
    "ttl_seconds": 3600,
    "updated_by": "ag-7",
    "value": "POST /login takes name and password",
    "version": 1,
    "wave_number": 0,
}


def add_examples(result: Json) -> None:
    """To every parameter, request body and reply that has none."""
    schemas = result["components"]["schemas"]
    for methods in result["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if "$ref" not in parameter:
                    name = parameter["name"]
                    parameter["example"] = example_of(parameter["schema"], schemas, name)
            _add(operation.get("requestBody", {}), schemas)
            for response in operation["responses"].values():
                _add(response, schemas)


def _add(holder: Json, schemas: Json) -> None:
    for content in holder.get("content", {}).values():
        if content["schema"] == {"$ref": "#/components/schemas/Error"}:
            content["example"] = {"error": holder["description"]}
        else:
            content["example"] = example_of(content["schema"], schemas)


def example_of(schema: Json, schemas: Json, name: str = "") -> Any:
    """A value that follows the schema. name: of the property that it is the value of."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, name)
    kind = schema.get("type")
    kind = kind if isinstance(kind, str) or kind is None else kind[0]
    for several in ("allOf", "anyOf", "oneOf"):
        if kind is None and several in schema:
            return example_of(schema[several][0], schemas, name)
    if "examples" in schema:
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return _object(schema, schemas)
    if kind == "array":
        return [example_of(schema["items"], schemas, name)]
    return _scalar(schema, kind, name)


def _object(schema: Json, schemas: Json) -> Json:
    properties = schema.get("properties", {})
    shown = {
        name: example_of(each, schemas, name)
        for name, each in properties.items()
        if name not in OF_FAILURE or name in schema.get("required", [])
    }
    return shown or _entries(schema, schemas)


def _entries(schema: Json, schemas: Json) -> Json:
    value = schema.get("additionalProperties")
    return {"task.created": example_of(value, schemas)} if value else {}


def _scalar(schema: Json, kind: str | None, name: str) -> Any:
    if schema.get("format") == "uuid":
        return UUID
    if schema.get("format") == "date-time":
        return MOMENT
    if kind == "boolean":
        return True
    if kind in {"integer", "number"}:
        sample = SAMPLES.get(name)
        return sample if isinstance(sample, int | float) else schema.get("minimum", 1)
    return str(SAMPLES.get(name, "s-1"))
