"""Sessions in the OpenAPI document. Contract: rest 5.9."""

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from dcm.lib.api import Moment, Uuid
from dcm.lib.openapi import (
    CURSOR,
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
from sessions_app.serializers import (
    SessionInput,
    SessionOutput,
    SessionUpdate,
)
from sessions_app.views.sessions import Sessions

NO_RULE: Json = {}


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
    """With its newest 20 requests, and what of its budget for injected text is used."""

    requests = RequestOfSession(many=True)
    injections = shape(
        "InjectionMeter",
        times=serializers.IntegerField(),
        characters=serializers.IntegerField(),
        most_times=serializers.IntegerField(),
        most_characters=serializers.IntegerField(),
    )()

    class Meta(SessionAsWrapped.Meta):
        fields = [*SessionAsWrapped.Meta.fields, "requests", "injections"]


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
