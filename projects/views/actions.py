import uuid
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Body, Keyset, Listing, Query, hot_view, json_response, path_uuid, read_body
from dcm.lib.body import Int32, Natural, NonEmpty
from dcm.lib.errors import DatabaseUnavailable, DomainError, envelope
from dcm.lib.joined import joined_view
from dcm.lib.threads import in_thread
from projects.models import Action
from projects.selectors import hourly_actions
from projects.serializers import ActionOutput, WholeActionOutput
from projects.services.actions import (
    ActionNotFound,
    NewAction,
    RecordedAction,
    delete_action,
    delete_actions_of_session,
    record_actions,
    record_each,
    recorder,
)
from realtime import read_your_writes

MOST_ACTIONS = 1_000


class ActionBody(Body):
    """id: made by the client, so that sending again changes nothing."""

    tool_name: NonEmpty
    tool_type: Literal["builtin", "agent", "skill", "command", "mcp"]
    id: uuid.UUID | None = None
    input: str | None = None
    output: str | None = None
    exit_code: Int32 | None = None
    duration_ms: Natural | None = None
    file_paths: list[str] | None = None
    subtask_id: uuid.UUID | None = None
    session_id: str | None = None
    project_path: str | None = None


def record_alone(request: HttpRequest) -> HttpResponse:
    (recorded,) = record_actions([new_action(read_body(ActionBody, request.body))])
    return _created(recorded)


@hot_view(failure="Failed to record action", method="POST", alone=record_alone)
async def record_action(request: HttpRequest) -> HttpResponse:
    recorded = await recorder.submit(new_action(read_body(ActionBody, request.body)))
    read_your_writes.note(recorded.seq)
    return _created(recorded)


def _created(recorded: RecordedAction) -> HttpResponse:
    return json_response({"success": True, "action": present(recorded)}, 201)


class BatchBody(Body):
    actions: list[msgspec.Raw]


class TooManyActions(DomainError):
    message = f"At most {MOST_ACTIONS} actions in one batch"


def record_batch_alone(request: HttpRequest) -> HttpResponse:
    outcomes = _read_batch(request.body)
    return _batch_reply(outcomes, record_each(_good(outcomes)))


@hot_view(failure="Failed to record actions", method="POST", alone=record_batch_alone)
async def record_batch(request: HttpRequest) -> HttpResponse:
    """Up to 1,000 actions at once: what is good is stored, what is not is told by its index."""
    # Not on the event loop: others should not wait for a thousand to be read.
    outcomes = await in_thread(_read_batch, request.body)
    recorded = await recorder.submit_each(_good(outcomes))
    return await in_thread(_batch_reply, outcomes, recorded)


def _read_batch(body: bytes) -> list[NewAction | DomainError]:
    bodies = read_body(BatchBody, body).actions
    if len(bodies) > MOST_ACTIONS:
        raise TooManyActions
    return [_read_action(bytes(each)) for each in bodies]


def _good(outcomes: list[NewAction | DomainError]) -> list[NewAction]:
    return [each for each in outcomes if isinstance(each, NewAction)]


def _batch_reply(
    outcomes: list[NewAction | DomainError], recorded: Iterable[RecordedAction | Exception]
) -> HttpResponse:
    """Raises what is no fault of an action."""
    found = iter(recorded)
    results = [
        _result(index, next(found) if isinstance(each, NewAction) else each)
        for index, each in enumerate(outcomes)
    ]
    stored = sum(result["success"] for result in results)
    reply = {"success": stored == len(results), "count": stored, "results": results}
    return json_response(reply, 201 if reply["success"] else 207)


def _read_action(body: bytes) -> NewAction | DomainError:
    try:
        return new_action(read_body(ActionBody, body))
    except DomainError as refused:
        return refused


def _result(index: int, outcome: RecordedAction | Exception) -> dict[str, Any]:
    if isinstance(outcome, DomainError) and not isinstance(outcome, DatabaseUnavailable):
        return {"index": index, "success": False, **envelope(outcome)}
    if isinstance(outcome, Exception):
        raise outcome
    read_your_writes.note(outcome.seq)
    return {"index": index, "success": True, "action": present(outcome)}


def new_action(body: ActionBody) -> NewAction:
    # The original's hook sends "" for what it does not know.
    return NewAction(
        id=body.id,
        tool_name=body.tool_name,
        tool_type=body.tool_type,
        input=body.input,
        output=body.output,
        exit_code=body.exit_code or 0,
        duration_ms=body.duration_ms,
        file_paths=body.file_paths or (),
        subtask_id=body.subtask_id,
        session_id=body.session_id or None,
        project_path=body.project_path or None,
    )


def present(recorded: RecordedAction) -> dict[str, Any]:
    return {
        "id": recorded.id,
        "tool_name": recorded.tool_name,
        "tool_type": recorded.tool_type,
        "exit_code": recorded.exit_code,
        "duration_ms": recorded.duration_ms,
        "created_at": recorded.created_at,
        "keywords_extracted": recorded.keywords_extracted,
    }


ACTIONS = Listing(
    Action.objects.all, ActionOutput, name="actions", keyset=Keyset("-created_at", "id")
)


@joined_view(failure="Failed to fetch actions")
def list_actions(query: Query) -> dict[str, Any]:
    return ACTIONS.page(
        query,
        tool_type=query.text("tool_type"),
        tool_name=query.text("tool_name"),
        session_id=query.text("session_id"),
        subtask_id=query.id("subtask_id"),
        created_at__gte=query.moment("since"),
        created_at__lt=query.moment("until"),
    )


@joined_view(failure="Failed to fetch hourly actions")
def count_actions_by_hour(query: Query) -> dict[str, Any]:
    return {"data": hourly_actions(), "period": "24h"}


class OneAction(APIView):
    failures = {"get": "Failed to fetch action", "delete": "Failed to delete action"}

    def get(self, request: Request, action_id: str) -> Response:
        """With input and output, and its place in the work tree."""
        actions = Action.objects.select_related("subtask__task__request")
        action = actions.filter(id=path_uuid(action_id)).first()
        if action is None:
            raise ActionNotFound
        return Response({"action": WholeActionOutput(action).data})

    def delete(self, request: Request, action_id: str) -> Response:
        delete_action(path_uuid(action_id))
        return Response(status=204)


class ActionsOfSession(APIView):
    failure = "Failed to delete actions by session"

    def delete(self, request: Request, session_id: str) -> Response:
        deleted = delete_actions_of_session(session_id)
        return Response({"success": True, "deleted_count": deleted, "session_id": session_id})
