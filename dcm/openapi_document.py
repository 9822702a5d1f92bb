"""The OpenAPI document: every route but the pages, as the apps' `openapi` modules describe it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.utils.module_loading import autodiscover_modules
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from rest_framework.views import APIView

from dcm.access import RULES, Rule
from dcm.lib.api import view_of
from dcm.lib.idempotency.middleware import LONGEST_KEY
from dcm.lib.openapi import STRING, Json
from dcm.openapi_examples import add_examples

Callback = Any  # a function with attributes: of Django's, of DRF's or of dcm.lib.api
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Endpoints(EndpointEnumerator):
    """DRF's views, and the async ones that are no classes."""

    def should_include_endpoint(self, path: str, callback: Callback) -> bool:
        return _is_ours(callback) or bool(super().should_include_endpoint(path, callback))

    def get_allowed_methods(self, callback: Callback) -> list[str]:
        if hasattr(callback, "views"):
            return [name.upper() for name in callback.views]
        if _is_hot(callback):
            return [callback.method]
        return sorted(super().get_allowed_methods(callback), key=METHODS.index)


class Generator(SchemaGenerator):
    endpoint_inspector_cls = Endpoints

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        autodiscover_modules("openapi")
        super().__init__(*args, **kwargs)

    def create_view(self, callback: Callback, method: str, request: Any = None) -> Any:
        view = view_of(callback, method)
        if _is_hot(view):
            # What spectacular knows is classes: the view as the method of one.
            made: Any = type(view.__name__, (APIView,), {method.lower(): view})
            view = made.as_view()
        return super().create_view(view, method, request)


def _is_hot(callback: Any) -> bool:
    return hasattr(callback, "failure") and hasattr(callback, "method")


def _is_ours(callback: Any) -> bool:
    return hasattr(callback, "views") or _is_hot(callback)


@cache
def document() -> Json:
    """The document. It is the same as long as this process lives."""
    made: Json = Generator().get_schema(public=True)
    return made


# --- what all routes share --------------------------------------------------------------------

ERROR: Json = {
    "type": "object",
    "description": "Some errors bring further keys, such as the id of what is there already.",
    "properties": {
        "error": {"type": "string", "description": "What is wrong, in a few words."},
        "details": {
            "type": "object",
            "description": "Field or parameter -> what is wrong with it.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "message": {"type": "string", "description": "More about it."},
    },
    "required": ["error"],
}


def _error(description: str, example: Json, headers: Json | None = None) -> Json:
    schema = {"$ref": "#/components/schemas/Error"}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "content": content} | (
        {"headers": headers} if headers else {}
    )


RETRY_AFTER: Json = {"Retry-After": {"description": "Seconds.", "schema": STRING}}
RESPONSES: dict[str, tuple[str, Json]] = {
    "400": (
        "BadInput",
        _error(
            "The input breaks the rules",
            {"error": "Validation failed", "details": {"id": ["Invalid UUID"]}},
        ),
    ),
    "401": (
        "NoKey",
        _error(
            "The server asks for an API key, and the request brings none that is valid",
            {"error": "Unauthorized", "message": "Send Authorization: Bearer"},
            {"WWW-Authenticate": {"schema": STRING}},
        ),
    ),
    "403": (
        "NotAllowed",
        _error(
            "The API key may not do this",
            {"error": "This needs an operator key"},
        ),
    ),
    "413": (
        "TooLarge",
        _error(
            "The body is too large",
            {"error": "Request body too large", "message": "The limit is 1048576 bytes"},
        ),
    ),
    "421": (
        "ForeignHost",
        _error(
            "The Host header names no host of ours",
            {"error": "Host not allowed", "message": "Set ALLOWED_HOSTS"},
        ),
    ),
    "429": (
        "TooFast",
        _error(
            "The API key, or the address without one, asks too often",
            {"error": "Too many requests", "message": "Try again in 2 s"},
            RETRY_AFTER,
        ),
    ),
    "500": (
        "Failure",
        _error(
            "A mistake of ours; the log has the cause",
            {
                "error": "Failed to fetch projects",
                "message": "Unexpected error; see the log for 5d41402abc4b",
            },
        ),
    ),
    "503": (
        "Unavailable",
        _error(
            "The database cannot be reached, or too much work is waiting",
            {"error": "Database unavailable"},
            RETRY_AFTER,
        ),
    ),
}
OTHER_RESPONSES = {
    "KeyReused": _error(
        "The Idempotency-Key came before, with another request",
        {"error": "Idempotency-Key was used with another request"},
    ),
    "OfAnother": _error(
        "The API key is limited to projects, and something that the request names is of another",
        {"error": "Session not found"},
    ),
}
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and request again: the first reply again, and nothing is done.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    "example": "5f2b6c1e-record-1",
}
IDEMPOTENCY_REPLAYED: Json = {
    "description": "`true` when this is the reply to an earlier request.",
    "schema": {"type": "string", "enum": ["true"]},
}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
HOOKS = "takeHookEvent"  # its events bring ids of their own and take no Idempotency-Key


def finish(result: Json, **_: Any) -> Json:
    """spectacular's hook: what all routes share, links and examples."""
    components = result["components"]
    components["schemas"]["Error"] = ERROR
    components["responses"] = dict(RESPONSES.values()) | OTHER_RESPONSES
    components["parameters"] = {"IdempotencyKey": IDEMPOTENCY_KEY}
    components["headers"] = {"IdempotencyReplayed": IDEMPOTENCY_REPLAYED}
    components["securitySchemes"] = SECURITY
    result["security"] = [{}, *({name: []} for name in SECURITY)]
    for path, method, each in operations(result):
        for status, (name, _response) in RESPONSES.items():
            each["responses"].setdefault(status, {"$ref": f"#/components/responses/{name}"})
        if rule_for(method, path).reach == "own":
            each["responses"].setdefault("404", {"$ref": "#/components/responses/OfAnother"})
        if method == "post" and path.startswith("/api/") and each["operationId"] != HOOKS:
            _take_idempotency_key(each)
        if "requestBody" in each:
            each["requestBody"]["required"] = True
        if path in {"/health", "/livez"}:
            each["security"] = []
            for status in ("401", "403", "429"):
                del each["responses"][status]
        each["responses"] = dict(sorted(each["responses"].items()))
    add_links(result)
    add_examples(result)
    _forget_marks(result)
    return result


def rule_for(method: str, path: str) -> Rule:
    """Which keys may use the operation at this path of the document."""
    return _RULES[f"{method.upper()} {_NAME.sub('{}', path)}"]


_NAME = re.compile(r"\{\w+\}")  # of a parameter, which the document may call otherwise
_RULES = {_NAME.sub("{}", route): rule for route, rule in RULES.items()}


def _forget_marks(part: Any) -> None:
    """Take out what spectacular notes for a hook of its own, which we do not use."""
    if isinstance(part, dict):
        part.pop("x-spec-enum-id", None)
        part = [*part.values()]
    if isinstance(part, list):
        for each in part:
            _forget_marks(each)


def operations(result: Json) -> Iterator[tuple[str, str, Json]]:
    """(path, method, operation) of each."""
    for path, methods in result["paths"].items():
        for method, each in methods.items():
            yield path, method, each


def _take_idempotency_key(each: Json) -> None:
    each.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    each["responses"]["422"] = {"$ref": "#/components/responses/KeyReused"}
    for status, response in each["responses"].items():
        if status.startswith("2"):
            replayed = {"$ref": "#/components/headers/IdempotencyReplayed"}
            response.setdefault("headers", {})["Idempotency-Replayed"] = replayed


# --- what can follow from what ----------------------------------------------------------------

LINKS = {
    "createProject": {
        "project/id": {
            "getProject": "id",
            "deleteProject": "id",
            "getHierarchy": "project_id",
            "createRequest": "body:project_id",
            "listRequests": "project_id",
        },
    },
    "createRequest": {
        "request/id": {
            "getRequest": "id",
            "updateRequest": "id",
            "deleteRequest": "id",
            "createTask": "body:request_id",
            "listTasks": "request_id",
        },
    },
    "createTask": {
        "task/id": {
            "getTask": "id",
            "updateTask": "id",
            "deleteTask": "id",
            "createSubtask": "body:task_id",
            "listSubtasks": "task_id",
        },
    },
    "createSubtask": {
        "subtask/id": {
            "getSubtask": "id",
            "updateSubtask": "id",
            "deleteSubtask": "id",
            "recordAction": "body:subtask_id",
            "listActions": "subtask_id",
        },
    },
    "recordAction": {"action/id": {"getAction": "action_id", "deleteAction": "action_id"}},
    "createSession": {
        "id": {
            "getSession": "id",
            "updateSession": "id",
            "deleteSession": "id",
            "getCompactStatus": "session_id",
            "deleteActionsOfSession": "session_id",
        },
    },
    "sendMessage": {"message/id": {"markMessageRead": "message_id"}},
    "subscribe": {
        "subscription/id": {"deleteSubscription": "key"},
        "subscription/agent_id": {"listSubscriptionsOfAgent": "key"},
    },
    "blockAgent": {
        "blocking/id": {"deleteBlock": "key"},
        "blocking/blocked_agent": {"getBlocking": "key"},
    },
    "askQuestion": {"question/id": {"answerQuestion": "question_id"}},
    "joinSession": {"agent/id": {"leaveSession": "agent_id"}},
}
"""Operation -> what of its reply -> the operations that take it, and as which parameter."""

IN_SESSION = {"answerQuestion", "leaveSession"}  # and in the same session


def add_links(result: Json) -> None:
    known = {each["operationId"]: each for _, _, each in operations(result)}
    for name, followers in LINKS.items():
        links = {
            follower: _link(follower, place, f"$response.body#/{pointer}")
            for pointer, places in followers.items()
            for follower, place in places.items()
        }
        known[name]["responses"]["201"]["links"] = links


def _link(follower: str, place: str, value: str) -> Json:
    link: Json = {"operationId": follower}
    if place.startswith("body:"):
        return link | {"requestBody": {place.removeprefix("body:"): value}}
    same = {"session_id": "$request.path.session_id"} if follower in IN_SESSION else {}
    return link | {"parameters": {place: value, **same}}
