"""What comes in and goes out of the coordinator's REST routes. Bodies beyond the contract."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from rest_framework import serializers

from dcm.lib.api import Input, ListOf, Moment, Output, Text
from sessions_app.models import ContextEntry, CoordinatedAgent, Decision, Question


class JoinInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"repoPath": "repo_path"}
    name = Text()
    role = Text(choices=CoordinatedAgent.Role.values)
    repo_path = Text()


class ShareInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"agentId": "agent_id"}
    value = Text(allow_blank=True)
    tags = ListOf(child=Text(allow_blank=True), required=False)
    agent_id = Text()


class AskInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"agentId": "agent_id", "to": "to_agent"}
    question = Text()
    to_agent = Text(required=False)
    agent_id = Text()


class AnswerInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"agentId": "agent_id"}
    answer = Text()
    agent_id = Text()


class DecideInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"agentId": "agent_id"}
    decision = Text()
    rationale = Text(required=False, allow_blank=True)
    agent_id = Text()


class AgentOutput(Output[CoordinatedAgent]):
    class Meta:
        model = CoordinatedAgent
        fields = ["id", "name", "role", "repo_path", "connected_at", "last_seen_at"]


class EntryOutput(Output[ContextEntry]):
    class Meta:
        model = ContextEntry
        fields = [
            "id",
            "key",
            "value",
            "tags",
            "created_by",
            "updated_by",
            "version",
            "created_at",
            "updated_at",
        ]


class QuestionOutput(Output[Question]):
    status = serializers.SerializerMethodField()
    answer = Text(source="newest_answer.answer", default=None)
    answered_by = Text(source="newest_answer.answered_by", default=None)
    answered_at = Moment(source="newest_answer.answered_at", default=None)

    class Meta:
        model = Question
        fields = [
            "id",
            "question",
            "asked_by",
            "to_agent",
            "status",
            "created_at",
            "answer",
            "answered_by",
            "answered_at",
        ]

    def get_status(self, question: Question) -> Literal["pending", "answered"]:
        return "pending" if question.newest_answer is None else "answered"


class DecisionOutput(Output[Decision]):
    class Meta:
        model = Decision
        fields = ["id", "decision", "rationale", "decided_by", "created_at"]
