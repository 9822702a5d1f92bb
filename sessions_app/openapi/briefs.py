"""Briefs and compaction in the OpenAPI document. Contract: rest 5.13, context-briefs."""

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from dcm.lib.api import JsonObject, Moment, Uuid
from dcm.lib.openapi import (
    FLAG,
    OFFSET,
    STRING,
    Json,
    in_path,
    in_query,
    limits,
    operation,
    page_of,
    shape,
    success,
)
from sessions_app.openapi.fields import POSITION
from sessions_app.serializers import (
    CompactionOutput,
    GenerateInput,
    RestoreInput,
)
from sessions_app.views.context import CompactHistory, CompactStatus, Generate, Restore, context

Source = shape(
    "Source",
    type=serializers.ChoiceField(
        [
            *("task", "message", "blocking", "history", "session", "project"),
            *("question", "answer", "decision", "context"),
        ]
    ),
    id=serializers.CharField(),
    relevance=serializers.FloatField(min_value=0, max_value=1),
    summary=serializers.CharField(),
)
FACTS = {
    "id": Uuid(),
    "token_count": serializers.IntegerField(),
    "truncated": serializers.BooleanField(),
    "generated_at": Moment(),
    "left_out": JsonObject(help_text="Items that did not fit, by section."),
}
BRIEF = {"content": serializers.CharField(help_text="Markdown."), **FACTS}
READ_AT = {
    "position": serializers.CharField(help_text="To ask with `since` for what is new later."),
    "since": shape(
        "NewsReport",
        recovered=serializers.BooleanField(),
        reason=serializers.CharField(required=False, help_text="Why all is told, not the news."),
    )(required=False),
}
BRIEF_SECTION = shape(
    "BriefSection",
    heading=serializers.CharField(),
    items=shape(
        "BriefItem",
        text=serializers.CharField(),
        relevance=serializers.FloatField(allow_null=True, help_text="Null: always shown."),
    )(many=True),
)
WHO = {
    "agent_id": serializers.CharField(),
    "session_id": serializers.CharField(),
    "agent_type": serializers.CharField(),
}
SHORT_ACTION = {
    "id": Uuid(),
    "tool_name": serializers.CharField(),
    "tool_type": serializers.CharField(),
    "exit_code": serializers.IntegerField(),
    "duration_ms": serializers.IntegerField(allow_null=True),
    "file_paths": serializers.ListField(child=serializers.CharField()),
    "created_at": Moment(),
}
RawContext = shape(
    "RawContext",
    tasks=shape(
        "RawTask",
        id=Uuid(),
        description=serializers.CharField(),
        status=serializers.CharField(),
        agent_type=serializers.CharField(allow_null=True),
        created_at=Moment(),
        started_at=Moment(allow_null=True),
        blocked_by=serializers.ListField(child=Uuid()),
        wave_number=serializers.IntegerField(),
        task_name=serializers.CharField(required=False),
    )(many=True),
    messages=shape(
        "RawMessage",
        id=Uuid(),
        from_agent=serializers.CharField(allow_null=True),
        topic=serializers.CharField(allow_null=True),
        content=JsonObject(),
        priority=serializers.IntegerField(),
        created_at=Moment(),
        is_broadcast=serializers.BooleanField(),
    )(many=True),
    blockings=shape(
        "RawBlocking",
        id=Uuid(),
        blocked_by_agent=serializers.CharField(),
        reason=serializers.CharField(allow_null=True),
        created_at=Moment(),
    )(many=True),
    history=shape("RawAction", **SHORT_ACTION)(many=True),
    session=shape(
        "RawSession",
        id=Uuid(help_text="Of its newest request."),
        session_id=serializers.CharField(),
        status=serializers.CharField(),
        created_at=Moment(),
        prompt=serializers.CharField(),
    )(allow_null=True),
    project=shape(
        "RawProject",
        id=Uuid(),
        name=serializers.CharField(allow_null=True),
        path=serializers.CharField(),
    )(allow_null=True),
)
RawCounts = shape(
    "RawCounts",
    tasks=serializers.IntegerField(),
    messages=serializers.IntegerField(),
    blockings=serializers.IntegerField(),
    history=serializers.IntegerField(),
)
ContextReply = shape(
    "ContextReply",
    agent_id=serializers.CharField(),
    session_id=serializers.CharField(required=False),
    agent_type=serializers.CharField(required=False),
    brief=shape(
        "BriefText",
        **FACTS,
        content=serializers.CharField(required=False, help_text="Markdown."),
        sections=BRIEF_SECTION(many=True, required=False),
    )(required=False),
    sources=Source(many=True, required=False),
    position=serializers.CharField(
        required=False, help_text="To ask with `since` for what is new later."
    ),
    since=READ_AT["since"],
    data=RawContext(required=False),
    counts=RawCounts(required=False),
    context=serializers.JSONField(
        required=False, help_text="Null when the agent has no session.", allow_null=True
    ),
    message=serializers.CharField(required=False, help_text="Why there is no brief."),
)


class CompactHistoryReply(
    page_of("CompactionList", "compactions", CompactionOutput, total=True)  # type: ignore[misc]
):
    """Every compaction of a session, the newest first."""

    session_id = serializers.CharField()


def _up_to(default: int, least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


operation(
    "getContext",
    "What an agent should know, as a brief or as raw data",
    tag="Context",
    description="Without a session of the agent: `context` null, and a `message`.",
    parameters=[
        in_path("agent_id", STRING, "The agent."),
        in_query("session_id", STRING, "Else the agent's newest session at work."),
        in_query("agent_type", STRING, "Else inferred from the agent's id."),
        in_query(
            "format", STRING, "What to return.", enum=["brief", "raw", "json"], default="brief"
        ),
        in_query("max_tokens", _up_to(2000, 100, 8000), "Size of the brief."),
        in_query("include_history", FLAG, "With recent actions.", default=True),
        in_query("include_messages", FLAG, "With unread messages.", default=True),
        in_query("include_blocking", FLAG, "With who blocks the agent.", default=True),
        in_query("history_limit", _up_to(10, 1, 50), "How many actions."),
        in_query("since", POSITION, "Only what is new after this `position` of an earlier reply."),
    ],
    replies={200: ContextReply},
)(context)

extend_schema_view(
    post=operation(
        "generateContext",
        "A brief for an agent of a session",
        tag="Context",
        body=GenerateInput,
        replies={
            201: shape(
                "GeneratedBrief",
                success=success(),
                brief=shape("AddressedBrief", **WHO, **BRIEF)(),
                sources=Source(many=True),
                **READ_AT,
            )
        },
        errors={400: "Missing required field: agent_id"},
    )
)(Generate)

extend_schema_view(
    post=operation(
        "restoreContext",
        "A brief after the host compacted its conversation",
        tag="Context",
        description="Marks the session's requests and leaves the agent a message.",
        body=RestoreInput,
        replies={
            200: shape(
                "RestoredContext",
                success=success(),
                brief=serializers.CharField(help_text="Markdown."),
                sources=Source(many=True),
                session_compacted=serializers.BooleanField(),
                restored_at=Moment(),
                position=serializers.CharField(),
            )
        },
    )
)(Restore)

extend_schema_view(
    get=operation(
        "getCompactStatus",
        "Whether a session was compacted, and how the last time",
        tag="Context",
        parameters=[in_path("session_id", STRING, "The session.")],
        replies={
            200: shape(
                "CompactStatus",
                session_id=serializers.CharField(),
                exists=serializers.BooleanField(),
                compacted=serializers.BooleanField(),
                is_compacted=serializers.BooleanField(),
                compacted_at=Moment(required=False, allow_null=True),
                compact_summary=serializers.CharField(required=False, allow_null=True),
                compact_agent=serializers.CharField(required=False, allow_null=True),
                compactions=serializers.IntegerField(required=False, help_text="How many ended."),
                begun=serializers.BooleanField(
                    required=False, help_text="One was announced and not heard of again."
                ),
                restored_at=Moment(required=False, allow_null=True),
            )
        },
    )
)(CompactStatus)

extend_schema_view(
    get=operation(
        "getCompactHistory",
        "Every compaction of a session, the newest first",
        tag="Context",
        description="`snapshot` is how things stood when it began.",
        parameters=[in_path("session_id", STRING, "The session."), limits(20), OFFSET],
        replies={200: CompactHistoryReply},
    )
)(CompactHistory)
