"""What a brief is made of. Contract: context-briefs 1, 3."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from messaging.models import Block, Message
from projects.models import Lease, Project, Request, Subtask


class Snapshot(TypedDict):
    """As JSON. request: the newest. subtasks: the open ones of the session. files: that the agent
    changed."""

    request: dict[str, Any] | None
    subtasks: list[dict[str, Any]]
    files: list[str]
    decisions: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Whose brief, and what goes into it.

    since: only what is news after this place in the log. snapshot: how things stood when the
    agent's memory was shortened.
    """

    agent_id: str
    agent_type: str
    session_id: str
    max_tokens: int = 2000
    include_history: bool = True
    history_limit: int = 10
    include_messages: bool = True
    include_blocking: bool = True
    project_id: uuid.UUID | None = None
    since: str | None = None
    snapshot: Snapshot | None = None


@dataclass(slots=True)
class Call:
    """An action without its large texts.

    asked: the beginning of its input, of a failure or of one that names no file. said: the end of
    its output, of a failure.
    """

    id: uuid.UUID
    tool_name: str
    tool_type: str
    exit_code: int
    duration_ms: int | None
    file_paths: list[str]
    created_at: datetime
    asked: str | None
    said: str | None


@dataclass(slots=True)
class Touch:
    """What one agent had to do with one file lately. action_id: of the newest time."""

    path: str
    agent: str
    is_own: bool
    is_changed: bool
    is_at_work: bool
    times: int
    touched_at: datetime
    action_id: uuid.UUID


@dataclass(slots=True)
class Asked:
    """A question. answer: None while there is none."""

    id: str
    by: str
    to: str | None
    text: str
    answer: str | None
    answered_by: str | None


@dataclass(slots=True)
class Decided:
    id: str
    by: str
    text: str
    why: str | None


@dataclass(slots=True)
class Shared:
    """A context entry. by: who wrote it last."""

    id: str
    by: str
    key: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """Earlier work that the present request reminds of."""

    id: str
    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Material:
    """Rows that concern one agent in one session, each list in the order of the contract."""

    tasks: list[Subtask] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    blockings: list[Block] = field(default_factory=list)
    history: list[Call] = field(default_factory=list)
    request: Request | None = None  # the session's newest
    project: Project | None = None
    progress: dict[str, int] = field(default_factory=dict)  # subtasks of the session by status
    team: list[Subtask] = field(default_factory=list)  # of others here: open ones, then finished
    team_blocks: list[Block] = field(default_factory=list)  # that ask others to wait
    failures: list[Call] = field(default_factory=list)  # not mended since, newest first
    touches: list[Touch] = field(default_factory=list)  # of files, newest first
    leases: list[Lease] = field(default_factory=list)  # its own that end soon, then others'
    questions: list[Asked] = field(default_factory=list)  # that wait for the agent's answer
    asked: list[Asked] = field(default_factory=list)  # its own, still without an answer
    answers: list[Asked] = field(default_factory=list)  # its own, answered, newest first
    decisions: list[Decided] = field(default_factory=list)  # of the session, newest first
    entries: list[Shared] = field(default_factory=list)  # last share first
    news: frozenset[str] | None = None  # ids of what is new; None: everything counts
    recalled: list[Found] = field(default_factory=list)

    def sources(self, session_id: str) -> list[dict[str, Any]]:
        """[{"type", "id", "relevance", "summary"}]: where the brief has it from."""
        found = [_source("task", t.id, 1 if _runs(t) else 0.8, _task(t)) for t in self.tasks]
        found += [
            _source("message", m.id, 1 if _urgent(m) else 0.6, _message(m)) for m in self.messages
        ]
        found += [
            _source("blocking", b.id, 0.9, f"Blocked by {b.blocked_by}") for b in self.blockings
        ]
        if self.history:
            found.append(_source("history", "actions", 0.7, f"{len(self.history)} recent actions"))
        if self.request is not None:
            found.append(_source("session", self.request.id, 0.8, f"Session {session_id}"))
        if (project := self.project) is not None:
            found.append(
                _source("project", project.id, 0.7, f"Project {project.name or project.path}")
            )
        found += [_source("question", q.id, 0.9, f"Question from {q.by}") for q in self.questions]
        found += [_source("answer", q.id, 0.8, "An answer to your question") for q in self.answers]
        found += [_source("decision", d.id, 0.6, f"Decision of {d.by}") for d in self.decisions]
        found += [_source("context", e.id, 0.5, f"Shared: {e.key[:50]}") for e in self.entries]
        return found


def _source(kind: str, key: object, relevance: float, summary: str) -> dict[str, Any]:
    return {"type": kind, "id": str(key), "relevance": relevance, "summary": summary}


def _runs(task: Subtask) -> bool:
    return task.status == Subtask.Status.RUNNING


def _urgent(message: Message) -> bool:
    return message.priority >= Message.HIGH_PRIORITY


def _task(task: Subtask) -> str:
    return f"Task: {task.description[:50]}"


def _message(message: Message) -> str:
    return f"Message from {message.from_agent or 'system'}"
