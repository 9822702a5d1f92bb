"""Sessions, context and hooks in the OpenAPI document. Contract: rest 5.9, 5.13, context-briefs."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, extend_schema_view
from rest_framework import serializers

from dcm.lib.api import JsonObject, Moment, Uuid
from dcm.lib.openapi import (
    CURSOR,
    FLAG,
    OBJECT,
    OFFSET,
    SINCE,
    STRING,
    UNTIL,
    UUID,
    Json,
    UpdateSchema,
    in_path,
    in_query,
    limits,
    operation,
    page_of,
    shape,
    success,
)
from projects.models import Request
from sessions_app import (  # noqa: F401  their other modules
    coordinator_openapi,
    search_openapi,
)
from sessions_app.serializers import (
    AnyMoment,
    Clamped,
    CompactionOutput,
    Counter,
    Flag,
    GenerateInput,
    Position,
    RestoreInput,
    SessionInput,
    SessionOutput,
    SessionUpdate,
)
from sessions_app.views.agents import Agents, OneAgent
from sessions_app.views.context import CompactHistory, CompactStatus, Generate, Restore, context
from sessions_app.views.hooks import claude_code
from sessions_app.views.sessions import Sessions

NO_RULE: Json = {}
POSITION: Json = {
    "type": "string",
    "pattern": "^msg_[0-9a-z]+_[0-9]{1,18}$",
    "examples": ["msg_0f3a9c2b7d11_318"],
}
DIGITS: Json = {"type": "string", "pattern": "^[0-9]{1,9}$"}


class AnyMomentField(OpenApiSerializerFieldExtension):
    target_class = AnyMoment
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        about = "A timestamp, a date, or milliseconds since 1970."
        date = {"type": "string", "format": "date"}
        moment = {"type": "string", "format": "date-time"}
        ms = {"type": "number", "minimum": 0, "maximum": 4_102_444_800_000}
        return {"anyOf": [moment, date, ms], "description": about}


class CounterField(OpenApiSerializerFieldExtension):
    target_class = Counter
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        number = {"type": "integer", "minimum": self.target.least, "maximum": self.target.most}
        return {"anyOf": [number, DIGITS]}


class ClampedField(OpenApiSerializerFieldExtension):
    target_class = Clamped
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        number = {"type": "integer", "minimum": self.target.least, "maximum": self.target.most}
        about = f"Taken as {self.target.floor} to {self.target.ceiling}."
        return {"anyOf": [number, DIGITS], "description": about}


class PositionField(OpenApiSerializerFieldExtension):
    target_class = Position
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return POSITION


class FlagField(OpenApiSerializerFieldExtension):
    target_class = Flag
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"enum": [True, False, "true", "false"]}


class SessionUpdateSchema(UpdateSchema):
    target_class = SessionUpdate
    some_of = dict.fromkeys(SessionUpdate._declared_fields, NO_RULE)


# --- sessions ---------------------------------------------------------------------------------


class SessionAsWrapped(SessionOutput):
    """The row, and the same row under `session`."""

    session = SessionOutput()

    class Meta(SessionOutput.Meta):
        fields = [*SessionOutput.Meta.fields, "session"]


class SessionReply(SessionAsWrapped):
    """The row, and the same row under `session`."""

    success = success()

    class Meta(SessionAsWrapped.Meta):
        fields = [*SessionAsWrapped.Meta.fields, "success"]


RequestOfSession = shape(
    "RequestOfSession",
    id=Uuid(),
    prompt=serializers.CharField(),
    prompt_type=serializers.ChoiceField(Request.PromptType.values, allow_null=True),
    status=serializers.ChoiceField(Request.Status.values),
    created_at=Moment(),
)


class WholeSession(SessionAsWrapped):
    """With its newest 20 requests."""

    requests = RequestOfSession(many=True)

    class Meta(SessionAsWrapped.Meta):
        fields = [*SessionAsWrapped.Meta.fields, "requests"]


A_SESSION = [in_path("id", STRING, "The session's id, percent-encoded.")]
NO_SESSION = {404: "Session not found"}
SessionOverview = shape(
    "SessionOverview",
    total_sessions=serializers.IntegerField(),
    active_sessions=serializers.IntegerField(),
    total_tools=serializers.IntegerField(allow_null=True),
    total_success=serializers.IntegerField(allow_null=True),
    total_errors=serializers.IntegerField(allow_null=True),
    avg_tools_per_session=serializers.FloatField(allow_null=True),
    oldest_session=Moment(allow_null=True),
    newest_session=Moment(allow_null=True),
)
SessionsOfProject = shape(
    "SessionsOfProject",
    project_name=serializers.CharField(allow_null=True),
    project_path=serializers.CharField(allow_null=True),
    session_count=serializers.IntegerField(),
    total_tools=serializers.IntegerField(),
)

extend_schema_view(
    create=operation(
        "createSession",
        "Record that an agent host began a session",
        tag="Sessions",
        body=SessionInput,
        replies={201: SessionReply},
        errors={
            404: "Project not found: 0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11",
            409: "Session already exists",
        },
    ),
    list=operation(
        "listSessions",
        "Sessions, latest start first",
        tag="Sessions",
        parameters=[
            limits(50),
            OFFSET,
            CURSOR,
            SINCE,
            UNTIL,
            in_query("project_id", UUID, "Of this project."),
            in_query("active_only", STRING, "Only `true` leaves out those that have ended."),
        ],
        replies={200: page_of("SessionList", "sessions", SessionOutput, total=True, cursor=True)},
    ),
    retrieve=operation(
        "getSession",
        "One session with its newest requests",
        tag="Sessions",
        parameters=A_SESSION,
        replies={200: WholeSession},
        errors=NO_SESSION,
    ),
    partial_update=operation(
        "updateSession",
        "End a session, or set its counters",
        tag="Sessions",
        description="Counters are absolute values. Null changes nothing.",
        parameters=A_SESSION,
        body=SessionUpdate,
        replies={200: SessionReply},
        errors={400: "No fields to update", **NO_SESSION},
    ),
    destroy=operation(
        "deleteSession",
        "Delete a session; its requests stay",
        tag="Sessions",
        parameters=A_SESSION,
        replies={204: None},
        errors=NO_SESSION,
    ),
    stats=operation(
        "getSessionStats",
        "Sessions in figures, in all and by project",
        tag="Sessions",
        replies={
            200: shape(
                "SessionStats",
                overview=SessionOverview(),
                by_project=SessionsOfProject(many=True),
                timestamp=Moment(),
            )
        },
    ),
)(Sessions)

# --- context ----------------------------------------------------------------------------------

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

# --- hooks ------------------------------------------------------------------------------------

LABEL: Json = {"type": "string", "minLength": 1, "maxLength": 512}

operation(
    "takeHookEvent",
    "An event of the agent host's hooks, as the host sends it",
    tag="Hooks",
    description="Unknown events and fields are taken and ignored. The reply is a hook output. "
    "A `timestamp` of more than a minute ago is when the event happened.",
    body={
        "type": "object",
        "properties": {"hook_event_name": LABEL, "session_id": LABEL},
        "required": ["hook_event_name", "session_id"],
        "additionalProperties": {},
    },
    replies={200: OBJECT},
)(claude_code)


KNOWN_AGENT = shape(
    "KnownAgent",
    agent_id=serializers.CharField(),
    agent_type=serializers.CharField(allow_null=True),
    online=serializers.BooleanField(),
    connections=serializers.IntegerField(help_text="Open sockets."),
    connected_since=Moment(allow_null=True),
    last_seen_at=Moment(allow_null=True),
    current_subtask=shape(
        "CurrentSubtask",
        id=Uuid(),
        description=serializers.CharField(),
        status=serializers.CharField(),
        started_at=Moment(allow_null=True),
    )(allow_null=True),
    unread_count=serializers.IntegerField(),
    is_blocked=serializers.BooleanField(),
)

extend_schema_view(
    get=operation(
        "listKnownAgents",
        "Agents that are connected, or had work within 24 hours",
        tag="Agents",
        replies={
            200: shape(
                "KnownAgentList", agents=KNOWN_AGENT(many=True), count=serializers.IntegerField()
            )
        },
    )
)(Agents)

extend_schema_view(
    get=operation(
        "getKnownAgent",
        "One agent",
        tag="Agents",
        parameters=[in_path("agent_id", STRING, "The agent's id.")],
        replies={200: shape("KnownAgentReply", agent=KNOWN_AGENT())},
        errors={404: "Agent not found"},
    )
)(OneAgent)
