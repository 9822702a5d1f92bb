"""The coordinator's services over REST: /api/sessions/<session_id>/agents and its siblings."""

import re

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Query, page
from dcm.lib.errors import DomainError, NotFound
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
from sessions_app.models import ContextEntry, CoordinatedAgent, Decision, Question
from sessions_app.services.coordinator import (
    EntryNotFound,
    answer_question,
    ask_question,
    delete_context,
    join_session,
    leave_session,
    log_decision,
    share_context,
)


class AgentNotFound(NotFound):
    message = "Agent not found"


class InvalidCondition(DomainError):
    message = 'If-Match must be one version in quotes, as ETag gave it; If-None-Match "*" alone'


class Agents(APIView):
    failures = {"get": "Failed to fetch agents", "post": "Failed to join session"}

    def get(self, request: Request, session_id: str) -> Response:
        return Response(
            page(
                CoordinatedAgent.objects.there(session_id),
                Query(request.query_params),
                AgentOutput,
                name="agents",
            )
        )

    def post(self, request: Request, session_id: str) -> Response:
        agent = join_session(session_id=session_id, **JoinInput.read(request.data))
        return Response({"success": True, "agent": AgentOutput(agent).data}, status=201)


class OneAgent(APIView):
    failure = "Failed to leave session"

    def delete(self, request: Request, session_id: str, agent_id: str) -> Response:
        if not leave_session(session_id=session_id, agent_id=agent_id):
            raise AgentNotFound
        return Response(status=204)


class Context(APIView):
    failure = "Failed to fetch context"

    def get(self, request: Request, session_id: str) -> Response:
        """Filters: tags (all of them, separated by commas), prefix of the key, created_by."""
        query = Query(request.query_params)
        entries = ContextEntry.objects.of(session_id).filter(
            **query.given(key__startswith=query.text("prefix"), created_by=query.text("created_by"))
        )
        if tags := query.text("tags"):
            entries = entries.filter(tags__contains=tags.split(","))
        return Response(page(entries, query, EntryOutput, name="entries"))


class OneEntry(APIView):
    failures = {
        "get": "Failed to fetch context entry",
        "put": "Failed to share context",
        "delete": "Failed to delete context entry",
    }

    def get(self, request: Request, session_id: str, key: str) -> Response:
        entry = ContextEntry.objects.of(session_id).with_key(key).first()
        if entry is None:
            raise EntryNotFound
        return _tagged(Response({"entry": EntryOutput(entry).data}), entry)

    def put(self, request: Request, session_id: str, key: str) -> Response:
        entry = share_context(
            session_id=session_id,
            key=key,
            expected_version=_expected_version(request),
            **ShareInput.read(request.data),
        )
        status = 201 if entry.version == entry.number else 200
        reply = Response({"success": True, "entry": EntryOutput(entry).data}, status=status)
        return _tagged(reply, entry)

    def delete(self, request: Request, session_id: str, key: str) -> Response:
        delete_context(session_id=session_id, key=key, expected_version=_expected_version(request))
        return Response(status=204)


def _tagged(response: Response, entry: ContextEntry) -> Response:
    response["ETag"] = f'"{entry.version}"'
    return response


def _expected_version(request: Request) -> int | None:
    """The version that the caller has read, 0 for none; null when it sets no condition."""
    match, none_match = (request.headers.get(name) for name in ("If-Match", "If-None-Match"))
    if match is None and none_match is None:
        return None
    if match is None and none_match == "*":
        return 0
    # Weak when the reply that gave it was compressed.
    version = re.fullmatch(r'(?:W/)?"([0-9]{1,18})"', match or "")
    if version is None or none_match is not None:
        raise InvalidCondition
    return int(version[1])


class Questions(APIView):
    failures = {"get": "Failed to fetch questions", "post": "Failed to ask question"}

    def get(self, request: Request, session_id: str) -> Response:
        """Filters: state (pending, answered, all), to (those to this agent or to nobody)."""
        query = Query(request.query_params)
        state = query.choice("state", "all", ["pending", "answered", "all"])
        questions = Question.objects.of(session_id)
        if state != "all":
            questions = questions.filter(newest_answer__isnull=state == "pending")
        if to := query.text("to", "to_agent"):
            questions = questions.open_to(to)
        return Response(
            page(
                questions,
                query,
                QuestionOutput,
                name="questions",
            )
        )

    def post(self, request: Request, session_id: str) -> Response:
        question = ask_question(session_id=session_id, **AskInput.read(request.data))
        return Response({"success": True, "question": QuestionOutput(question).data}, status=201)


class Answering(APIView):
    failure = "Failed to answer question"

    def post(self, request: Request, session_id: str, question_id: str) -> Response:
        question = answer_question(
            session_id=session_id, question_id=question_id, **AnswerInput.read(request.data)
        )
        return Response({"success": True, "question": QuestionOutput(question).data})


class Decisions(APIView):
    failures = {"get": "Failed to fetch decisions", "post": "Failed to log decision"}

    def get(self, request: Request, session_id: str) -> Response:
        return Response(
            page(
                Decision.objects.of(session_id),
                Query(request.query_params),
                DecisionOutput,
                name="decisions",
            )
        )

    def post(self, request: Request, session_id: str) -> Response:
        decision = log_decision(session_id=session_id, **DecideInput.read(request.data))
        return Response({"success": True, "decision": DecisionOutput(decision).data}, status=201)
