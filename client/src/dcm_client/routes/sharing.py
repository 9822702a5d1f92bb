"""What agents of a session share: context, questions, decisions."""

from collections.abc import Sequence

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    Agent,
    Decision,
    Entry,
    Question,
)
from dcm_client.routes.forms import condition, delete, get, listed, post


class SharingRoutes:
    @route
    def join_session(self, session_id: str, name: str, role: str, repo_path: str) -> Call[Agent]:
        body = given(name=name, role=role, repo_path=repo_path)
        return post(path("sessions", session_id, "agents"), Agent, "agent", **body)

    @route
    def leave_session(self, session_id: str, agent_id: str) -> Call[None]:
        return delete(path("sessions", session_id, "agents", agent_id))

    @listing
    def list_agents(self, session_id: str, *, limit: int | None = None) -> Listing[Agent]:
        return listed(path("sessions", session_id, "agents"), "agents", Agent, limit)

    @route
    def share_context(
        self,
        session_id: str,
        key: str,
        value: str,
        agent_id: str,
        *,
        tags: Sequence[str] | None = None,
        expected_version: int | None = None,
    ) -> Call[Entry]:
        """expected_version: raise Conflict unless the entry is at it; 0: unless there is none."""
        return Call(
            method="PUT",
            path=path("sessions", session_id, "context", key),
            result=Entry,
            under="entry",
            body=given(value=value, agent_id=agent_id, tags=tags),
            headers=condition(expected_version),
        )

    @route
    def get_entry(self, session_id: str, key: str) -> Call[Entry]:
        return get(path("sessions", session_id, "context", key), Entry, "entry")

    @listing
    def list_entries(
        self,
        session_id: str,
        *,
        tags: Sequence[str] | None = None,
        prefix: str | None = None,
        created_by: str | None = None,
        limit: int | None = None,
    ) -> Listing[Entry]:
        """Those that have all of the tags."""
        query = given(tags=tags, prefix=prefix, created_by=created_by)
        where = path("sessions", session_id, "context")
        return listed(where, "entries", Entry, limit, **query)

    @route
    def delete_entry(
        self, session_id: str, key: str, *, expected_version: int | None = None
    ) -> Call[None]:
        where = path("sessions", session_id, "context", key)
        return delete(where, **condition(expected_version))

    @route
    def ask_question(
        self, session_id: str, question: str, agent_id: str, *, to: str | None = None
    ) -> Call[Question]:
        body = given(question=question, agent_id=agent_id, to_agent=to)
        return post(path("sessions", session_id, "questions"), Question, "question", **body)

    @listing
    def list_questions(
        self,
        session_id: str,
        *,
        state: str | None = None,
        to: str | None = None,
        limit: int | None = None,
    ) -> Listing[Question]:
        """state: pending, answered or all. to: those to this agent or to nobody."""
        where = path("sessions", session_id, "questions")
        return listed(where, "questions", Question, limit, **given(state=state, to=to))

    @route
    def answer_question(
        self, session_id: str, question_id: str, answer: str, agent_id: str
    ) -> Call[Question]:
        where = path("sessions", session_id, "questions", question_id, "answer")
        return post(where, Question, "question", answer=answer, agent_id=agent_id)

    @route
    def log_decision(
        self, session_id: str, decision: str, agent_id: str, *, rationale: str | None = None
    ) -> Call[Decision]:
        body = given(decision=decision, agent_id=agent_id, rationale=rationale)
        return post(path("sessions", session_id, "decisions"), Decision, "decision", **body)

    @listing
    def list_decisions(self, session_id: str, *, limit: int | None = None) -> Listing[Decision]:
        return listed(path("sessions", session_id, "decisions"), "decisions", Decision, limit)
