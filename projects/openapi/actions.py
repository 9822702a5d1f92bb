"""Actions in the OpenAPI document. Contract: rest 5.6."""

from drf_spectacular.utils import OpenApiResponse, extend_schema_view
from rest_framework import serializers

from dcm.lib.api import Moment, Uuid
from dcm.lib.counting import MANY
from dcm.lib.openapi import (
    CURSOR,
    PAGE,
    SINCE,
    STRING,
    UNTIL,
    UUID,
    in_path,
    in_query,
    operation,
    page_of,
    shape,
    success,
)
from projects.models import Action
from projects.serializers import (
    ActionOutput,
    WholeActionOutput,
)
from projects.views.actions import (
    MOST_ACTIONS,
    ActionBody,
    ActionsOfSession,
    OneAction,
    count_actions_by_hour,
    list_actions,
    record_action,
    record_batch,
)

TOOL_TYPE = f"One of {', '.join(Action.ToolType.values)}."

RecordedAction = shape(
    "RecordedAction",
    id=Uuid(),
    tool_name=serializers.CharField(),
    tool_type=serializers.ChoiceField(Action.ToolType.values),
    exit_code=serializers.IntegerField(),
    duration_ms=serializers.IntegerField(allow_null=True),
    created_at=Moment(),
    keywords_extracted=serializers.IntegerField(),
)

operation(
    "recordAction",
    "Record one tool call",
    tag="Actions",
    description="An `id` of your own makes it safe to send the same action again.",
    body=ActionBody,
    replies={201: shape("ActionReply", success=success(), action=RecordedAction())},
    errors={404: "Subtask not found: 0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11"},
)(record_action)

operation(
    "listActions",
    "Tool calls, newest first",
    tag="Actions",
    parameters=[
        *PAGE,
        CURSOR,
        SINCE,
        UNTIL,
        in_query("tool_type", STRING, TOOL_TYPE),
        in_query("tool_name", STRING, "Of this tool."),
        in_query("session_id", STRING, "Of this session."),
        in_query("subtask_id", UUID, "Of this subtask."),
    ],
    replies={200: page_of("ActionList", "actions", ActionOutput, cursor=True)},
)(list_actions)

BatchResult = shape(
    "BatchResult",
    index=serializers.IntegerField(help_text="Its place in the batch."),
    success=serializers.BooleanField(),
    action=RecordedAction(required=False),
    error=serializers.CharField(required=False),
    details=serializers.DictField(required=False),
    message=serializers.CharField(required=False),
)
BatchReply = shape(
    "BatchReply",
    success=serializers.BooleanField(help_text="Whether all were stored."),
    count=serializers.IntegerField(help_text="How many were stored."),
    results=BatchResult(many=True),
)

operation(
    "recordActions",
    "Record up to 1,000 tool calls",
    tag="Actions",
    body={
        "type": "object",
        "properties": {
            "actions": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/ActionBody"},
                "maxItems": MOST_ACTIONS,
            }
        },
        "required": ["actions"],
    },
    replies={
        201: OpenApiResponse(BatchReply, "All were stored"),
        207: OpenApiResponse(BatchReply, "Some were refused; each result says"),
    },
    errors={400: "At most 1000 actions in one batch"},
)(record_batch)

Hour = shape("Hour", hour=Moment(), count=serializers.IntegerField())

operation(
    "countActionsByHour",
    "Tool calls of the last 24 hours, by hour",
    tag="Actions",
    description=f"More than {MANY:,} are counted once in a while.",
    replies={
        200: shape("HourlyActions", data=Hour(many=True), period=serializers.ChoiceField(["24h"]))
    },
)(count_actions_by_hour)

NO_ACTION = {404: "Action not found"}

extend_schema_view(
    get=operation(
        "getAction",
        "One tool call with input, output and its place in the work tree",
        tag="Actions",
        parameters=[in_path("action_id", UUID, "The action.")],
        replies={200: shape("WholeActionReply", action=WholeActionOutput())},
        errors=NO_ACTION,
    ),
    delete=operation(
        "deleteAction",
        "Delete a tool call",
        tag="Actions",
        parameters=[in_path("action_id", UUID, "The action.")],
        replies={204: None},
        errors=NO_ACTION,
    ),
)(OneAction)

extend_schema_view(
    delete=operation(
        "deleteActionsOfSession",
        "Delete the tool calls of a session",
        tag="Actions",
        parameters=[in_path("session_id", STRING, "The session.")],
        replies={
            200: shape(
                "DeletedActions",
                success=success(),
                deleted_count=serializers.IntegerField(),
                session_id=serializers.CharField(),
            )
        },
    )
)(ActionsOfSession)
