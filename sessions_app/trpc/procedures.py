"""What is at each path: input rules, then one service or selector. Contract: coordinator 5.

`PROCEDURES` holds queries and mutations, `TOPICS` subscriptions. All of it is synchronous.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from realtime.events import (
    AgentJoined,
    AgentLeft,
    ContextChanged,
    DecisionLogged,
    QuestionAnswered,
    QuestionAsked,
)
from sessions_app.coordinator_objects import (
    agent_object,
    decision_object,
    entry_object,
    question_object,
)
from sessions_app.coordinator_selectors import list_whole
from sessions_app.models import ContextEntry, CoordinatedAgent, Decision, Question
from sessions_app.services import coordinator
from sessions_app.trpc.frames import Call, NoProcedure
from sessions_app.trpc.schema import (
    Schema,
    any_text,
    one_of,
    optional,
    some_text,
    texts,
    uuid_text,
)


@dataclass(frozen=True)
class Caller:
    """Whom a socket speaks for. token_agent: the agent_id of its token, null without one."""

    session_id: str
    token_agent: str | None = None


Input = dict[str, Any]
Run = Callable[[Caller, Input], Any]


@dataclass(frozen=True)
class Procedure:
    method: str
    run: Run
    schema: Schema | None = None  # null: any input will do, and is ignored


def call_procedure(call: Call, caller: Caller) -> Any:
    """The data to answer with. Raises NoProcedure, InvalidInput and what services raise."""
    procedure = PROCEDURES.get(call.path)
    if procedure is None or procedure.method != call.method:
        raise NoProcedure(call)
    given = procedure.schema.read(call.input) if procedure.schema else {}
    if call.method == "mutation" and caller.token_agent is not None and "agentId" in given:
        coordinator.refuse_agent_of_another(agent_id=given["agentId"], owner=caller.token_agent)
    return procedure.run(caller, given)


def _join(caller: Caller, given: Input) -> Any:
    agent = coordinator.join_session(
        session_id=caller.session_id,
        name=given["name"],
        role=given["role"],
        repo_path=given["repoPath"],
        owner=caller.token_agent,
    )
    return {"agent": agent_object(agent), "sessionId": caller.session_id}


def _leave(caller: Caller, given: Input) -> Any:
    left = coordinator.leave_session(session_id=caller.session_id, agent_id=given["agentId"])
    return {"success": left}


def _list_agents(caller: Caller, given: Input) -> Any:
    return [agent_object(agent) for agent in CoordinatedAgent.objects.there(caller.session_id)]


def _share(caller: Caller, given: Input) -> Any:
    entry = coordinator.share_context(
        session_id=caller.session_id,
        key=given["key"],
        value=given["value"],
        tags=given.get("tags", []),
        agent_id=given["agentId"],
    )
    return entry_object(entry)


def _get_entry(caller: Caller, given: Input) -> Any:
    entry = ContextEntry.objects.of(caller.session_id).with_key(given["key"]).first()
    return entry_object(entry) if entry else None


def _list_entries(caller: Caller, given: Input) -> Any:
    entries = ContextEntry.objects.of(caller.session_id)
    if given.get("tags"):
        entries = entries.filter(tags__contains=given["tags"])
    if "createdBy" in given:
        entries = entries.filter(created_by=given["createdBy"])
    return [entry_object(entry) for entry in list_whole(entries, "key", "value", "tags")]


def _ask(caller: Caller, given: Input) -> Any:
    question = coordinator.ask_question(
        session_id=caller.session_id,
        question=given["question"],
        to_agent=given.get("to"),
        agent_id=given["agentId"],
    )
    return question_object(question)


def _answer(caller: Caller, given: Input) -> Any:
    question = coordinator.answer_question(
        session_id=caller.session_id,
        question_id=given["questionId"],
        answer=given["answer"],
        agent_id=given["agentId"],
    )
    return question_object(question)


def _list_pending(caller: Caller, given: Input) -> Any:
    questions = Question.objects.of(caller.session_id).pending()
    if "agentId" in given:
        questions = questions.open_to(given["agentId"])
    return [question_object(each) for each in list_whole(questions, "question")]


def _log(caller: Caller, given: Input) -> Any:
    decision = coordinator.log_decision(
        session_id=caller.session_id,
        decision=given["decision"],
        rationale=given.get("rationale"),
        agent_id=given["agentId"],
    )
    return decision_object(decision)


def _list_decisions(caller: Caller, given: Input) -> Any:
    decisions = Decision.objects.of(caller.session_id)
    return [decision_object(each) for each in list_whole(decisions, "decision", "rationale")]


ROLES = CoordinatedAgent.Role.values

PROCEDURES: Mapping[str, Procedure] = {
    "session.join": Procedure(
        "mutation",
        _join,
        Schema({"name": some_text, "role": one_of(*ROLES), "repoPath": some_text}),
    ),
    "session.leave": Procedure("mutation", _leave, Schema({"agentId": uuid_text})),
    "session.list": Procedure("query", _list_agents),
    "context.share": Procedure(
        "mutation",
        _share,
        Schema(
            {
                "key": some_text,
                "value": any_text,
                "tags": optional(texts),
                "agentId": uuid_text,
            }
        ),
    ),
    "context.get": Procedure("query", _get_entry, Schema({"key": some_text})),
    "context.list": Procedure(
        "query",
        _list_entries,
        Schema({"tags": optional(texts), "createdBy": optional(uuid_text)}, optional=True),
    ),
    "questions.ask": Procedure(
        "mutation",
        _ask,
        Schema({"question": some_text, "to": optional(uuid_text), "agentId": uuid_text}),
    ),
    "questions.answer": Procedure(
        "mutation",
        _answer,
        Schema({"questionId": uuid_text, "answer": some_text, "agentId": uuid_text}),
    ),
    "questions.listPending": Procedure(
        "query", _list_pending, Schema({"agentId": optional(uuid_text)}, optional=True)
    ),
    "decisions.log": Procedure(
        "mutation",
        _log,
        Schema({"decision": some_text, "rationale": optional(any_text), "agentId": uuid_text}),
    ),
    "decisions.list": Procedure("query", _list_decisions),
}


@dataclass(frozen=True)
class Topic:
    """What a subscription hears: these event types.

    listing: it hears the list of agents instead, now and after each change.
    """

    types: frozenset[str]
    listing: bool = False


TOPICS: Mapping[str, Topic] = {
    "session.onAgentChange": Topic(frozenset({AgentJoined.type, AgentLeft.type}), listing=True),
    "context.onContextChange": Topic(frozenset({ContextChanged.type})),
    "questions.onQuestion": Topic(frozenset({QuestionAsked.type, QuestionAnswered.type})),
    "decisions.onDecision": Topic(frozenset({DecisionLogged.type})),
}

PAYLOADS: Mapping[str, str] = {
    AgentJoined.type: "agent",
    AgentLeft.type: "agent",
    ContextChanged.type: "entry",
    QuestionAsked.type: "question",
    QuestionAnswered.type: "question",
    DecisionLogged.type: "decision",
}
"""Event type -> the member of its data that subscriptions are sent."""


def topic_of(call: Call) -> Topic:
    """What this subscription hears. Raises NoProcedure."""
    topic = TOPICS.get(call.path)
    if topic is None:
        raise NoProcedure(call)
    return topic
