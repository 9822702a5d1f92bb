import uuid
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Body, Query, hot_view, json_response, page, path_uuid, read_body
from dcm.lib.body import Int32, Natural, NonEmpty
from projects.models import Action
from projects.selectors import hourly_actions
from projects.serializers import ActionOutput
from projects.services.actions import (
    NewAction,
    RecordedAction,
    delete_action,
    delete_actions_of_session,
    recorder,
)


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


@hot_view(failure="Failed to record action", method="POST")
async def record_action(request: HttpRequest) -> HttpResponse:
    body = read_body(ActionBody, request.body)
    recorded = await recorder.submit(new_action(body))
    return json_response({"success": True, "action": present(recorded)}, 201)


def new_action(body: ActionBody) -> NewAction:
    # The original's hook sends "" for what it does not know.
    return NewAction(
        id=body.id or uuid.uuid4(),
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


class Actions(APIView):
    failure = "Failed to fetch actions"

    def get(self, request: Request) -> Response:
        query = Query(request.query_params)
        rows = Action.objects.filter(
            **query.given(
                tool_type=query.text("tool_type"),
                tool_name=query.text("tool_name"),
                session_id=query.text("session_id"),
                subtask_id=query.id("subtask_id"),
            )
        )
        return Response(
            page(
                rows.order_by("-created_at", "id").defer("input", "output"),
                query,
                lambda shown: ActionOutput(shown, many=True).data,
                name="actions",
            )
        )


class HourlyActions(APIView):
    failure = "Failed to fetch hourly actions"

    def get(self, request: Request) -> Response:
        return Response({"data": hourly_actions(), "period": "24h"})


class OneAction(APIView):
    failure = "Failed to delete action"

    def delete(self, request: Request, action_id: str) -> Response:
        delete_action(path_uuid(action_id))
        return Response(status=204)


class ActionsOfSession(APIView):
    failure = "Failed to delete actions by session"

    def delete(self, request: Request, session_id: str) -> Response:
        deleted = delete_actions_of_session(session_id)
        return Response({"success": True, "deleted_count": deleted, "session_id": session_id})
