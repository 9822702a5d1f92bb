"""The coordinator's REST routes in the OpenAPI document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema_view

from dcm.lib.openapi import (
    OFFSET,
    PAGE,
    STRING,
    in_header,
    in_path,
    in_query,
    limits,
    operation,
    page_of,
    reply_header,
    shape,
    success,
)
from sessions_app.coordinator_serializers import (
    AgentOutput,
    AnswerInput,
    AskInput,
    DecideInput,
    DecisionOutput,
    EntryOutput,
    JoinInput,
    QuestionOutput,
    ShareInput,
)
from sessions_app.services.coordinator import LONGEST_SESSION_ID
from sessions_app.views.coordinator import (
    Agents,
    Answering,
    Context,
    Decisions,
    OneAgent,
    OneEntry,
    Questions,
)

A_SESSION = in_path("session_id", STRING, "The session, percent-encoded.")
WRITTEN_SESSION = in_path(
    "session_id", {**STRING, "maxLength": LONGEST_SESSION_ID}, "The session, percent-encoded."
)
A_KEY = in_path("key", STRING, "The key, percent-encoded.")
LIMITS = {
    400: "The session id is too long: at most 512 characters",
    413: "A text is too large: at most 1048576 characters",
    429: "This session is full",
}

extend_schema_view(
    get=operation(
        "listAgents",
        "Agents that are in the session",
        tag="Coordinator",
        parameters=[A_SESSION, *PAGE],
        replies={200: page_of("AgentList", "agents", AgentOutput)},
    ),
    post=operation(
        "joinSession",
        "Add an agent to the session",
        tag="Coordinator",
        parameters=[WRITTEN_SESSION],
        body=JoinInput,
        replies={201: shape("AgentReply", success=success(), agent=AgentOutput())},
        errors=LIMITS,
    ),
)(Agents)

extend_schema_view(
    delete=operation(
        "leaveSession",
        "Take an agent off the session",
        tag="Coordinator",
        parameters=[A_SESSION, in_path("agent_id", STRING, "The agent.")],
        replies={204: None},
        errors={404: "Agent not found"},
    )
)(OneAgent)

extend_schema_view(
    get=operation(
        "listContext",
        "What the session's agents share",
        tag="Coordinator",
        parameters=[
            A_SESSION,
            *PAGE,
            in_query("prefix", STRING, "Of the key."),
            in_query("tags", STRING, "All of these, separated by commas."),
            in_query("created_by", STRING, "First shared by this agent."),
        ],
        replies={200: page_of("EntryList", "entries", EntryOutput)},
    )
)(Context)

EntryReply = shape("EntryReply", success=success(), entry=EntryOutput())
VERSION = {"pattern": '^(W/)?"[0-9]{1,18}"$'}
ETAG = reply_header("ETag", "The entry's version.", [200, 201])
IF_MATCH = in_header("If-Match", "Only if this is still the version, as ETag gave it.", **VERSION)
IF_NONE_MATCH = in_header("If-None-Match", "Only if there is no such key yet.", enum=["*"])
CONDITION = 'If-Match must be one version in quotes, as ETag gave it; If-None-Match "*" alone'
CHANGED = {412: "The entry has changed meanwhile"}
NO_ENTRY = {404: "Context entry not found"}

extend_schema_view(
    get=operation(
        "getContextEntry",
        "One shared entry",
        tag="Coordinator",
        parameters=[A_SESSION, A_KEY, ETAG],
        replies={200: shape("FoundEntry", entry=EntryOutput())},
        errors=NO_ENTRY,
    ),
    put=operation(
        "shareContext",
        "Share an entry, or replace it",
        tag="Coordinator",
        parameters=[WRITTEN_SESSION, A_KEY, IF_MATCH, IF_NONE_MATCH, ETAG],
        body=ShareInput,
        replies={
            200: OpenApiResponse(EntryReply, "Replaced"),
            201: OpenApiResponse(EntryReply, "Made"),
        },
        errors={**LIMITS, 400: CONDITION, **CHANGED},
    ),
    delete=operation(
        "deleteContextEntry",
        "Forget a shared entry",
        tag="Coordinator",
        parameters=[A_SESSION, A_KEY, IF_MATCH],
        replies={204: None},
        errors={400: CONDITION, **NO_ENTRY, **CHANGED},
    ),
)(OneEntry)

extend_schema_view(
    get=operation(
        "listQuestions",
        "Questions of the session, in the order they were asked",
        tag="Coordinator",
        parameters=[
            A_SESSION,
            limits(),
            OFFSET,
            in_query(
                "state",
                STRING,
                "Which of them.",
                enum=["pending", "answered", "all"],
                default="all",
            ),
            in_query("to", STRING, "Those to this agent, or to nobody."),
            in_query("to_agent", STRING, "Another name of `to`."),
        ],
        replies={200: page_of("QuestionList", "questions", QuestionOutput)},
    ),
    post=operation(
        "askQuestion",
        "Ask one agent, or all",
        tag="Coordinator",
        parameters=[WRITTEN_SESSION],
        body=AskInput,
        replies={201: shape("QuestionReply", success=success(), question=QuestionOutput())},
        errors=LIMITS,
    ),
)(Questions)

extend_schema_view(
    post=operation(
        "answerQuestion",
        "Answer a question; the newest answer counts",
        tag="Coordinator",
        parameters=[WRITTEN_SESSION, in_path("question_id", STRING, "The question.")],
        body=AnswerInput,
        replies={200: shape("AnswerReply", success=success(), question=QuestionOutput())},
        errors={**LIMITS, 404: "Question not found: 8c0d"},
    )
)(Answering)

extend_schema_view(
    get=operation(
        "listDecisions",
        "Decisions of the session, in the order they were made",
        tag="Coordinator",
        parameters=[A_SESSION, *PAGE],
        replies={200: page_of("DecisionList", "decisions", DecisionOutput)},
    ),
    post=operation(
        "logDecision",
        "Log a decision",
        tag="Coordinator",
        parameters=[WRITTEN_SESSION],
        body=DecideInput,
        replies={201: shape("DecisionReply", success=success(), decision=DecisionOutput())},
        errors=LIMITS,
    ),
)(Decisions)
