"""What a brief is made of, read in a fixed number of queries. Contract: context-briefs 2, 3."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, Q, QuerySet, Value, When

from messaging.models import CONTEXT_GENERATED, Block, Message
from projects.models import Action, Project, Request, Subtask
from sessions_app.coordinator_selectors import newest_decisions, questions_concerning
from sessions_app.models import Decision, Question, Session

MOST_TASKS = 20
MOST_MESSAGES = 20
MOST_BLOCKS = 10
MOST_QUESTIONS = 8
MOST_DECISIONS = 5


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Whose brief, and what goes into it."""

    agent_id: str
    agent_type: str
    session_id: str
    max_tokens: int = 2000
    include_history: bool = True
    history_limit: int = 10
    include_messages: bool = True
    include_blocking: bool = True
    project_id: uuid.UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Material:
    """Rows that concern one agent in one session, each list in the order of the contract."""

    tasks: list[Subtask] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    blockings: list[Block] = field(default_factory=list)
    history: list[Action] = field(default_factory=list)
    request: Request | None = None  # the session's newest
    project: Project | None = None
    progress: dict[str, int] = field(default_factory=dict)  # subtasks of the session by status
    questions: list[Question] = field(default_factory=list)  # that wait for the agent's answer
    answers: list[Question] = field(default_factory=list)  # its own, answered, newest first
    decisions: list[Decision] = field(default_factory=list)  # of the session, newest first

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
        found += [
            _source("question", q.id, 0.9, f"Question from {q.asked_by}") for q in self.questions
        ]
        found += [_source("answer", q.id, 0.8, "An answer to your question") for q in self.answers]
        found += [
            _source("decision", d.id, 0.6, f"Decision of {d.decided_by}") for d in self.decisions
        ]
        return found


def gather(wanted: Wanted) -> Material:
    """Reads only: nothing is marked, nothing is stored."""
    requests = Request.objects.select_related("project")
    request = requests.filter(session_id=wanted.session_id).order_by("-created_at").first()
    questions = questions_concerning(wanted.session_id, wanted.agent_id, MOST_QUESTIONS)
    return Material(
        tasks=_tasks(wanted),
        messages=_messages(wanted) if wanted.include_messages else [],
        blockings=_blockings(wanted) if wanted.include_blocking else [],
        history=_history(wanted) if wanted.include_history else [],
        request=request,
        project=_project(wanted, request),
        progress=_progress(wanted.session_id),
        questions=[question for question in questions if question.newest_answer is None],
        answers=[question for question in questions if question.newest_answer is not None],
        decisions=newest_decisions(wanted.session_id, MOST_DECISIONS),
    )


def resolve_session(agent_id: str) -> str | None:
    """The session of the newest unfinished request that has open work for this agent."""
    open_work = Subtask.objects.of_agent(agent_id).filter(
        status__in=["running", "pending", "paused"]
    )
    unfinished = open_work.exclude(task__request__status=Request.Status.COMPLETED)
    sessions = unfinished.order_by("-task__request__created_at", "task__request_id")
    return sessions.values_list("task__request__session_id", flat=True).first()


def _tasks(wanted: Wanted) -> list[Subtask]:
    rank = Case(
        *(When(status=status, then=place) for place, status in enumerate(_OPEN)),
        output_field=IntegerField(),
    )
    here = Q(task__request__session_id=wanted.session_id)
    rows = (
        Subtask.objects.select_related("task")
        .filter(_own(wanted), status__in=_OPEN)
        .annotate(place=_first(here), rank=rank)
        .order_by("place", "rank", "created_at", "id")
    )
    return _best(rows[:MOST_TASKS])


_OPEN = ["running", "blocked", "paused", "pending"]


def _history(wanted: Wanted) -> list[Action]:
    """Newest first: of its own subtasks here, else of the session, else of its own elsewhere.

    Hooks record what a session's main agent does without any subtask. To such an agent, which has
    none of its own, all work of the session is its own.
    """
    own = Subtask.objects.filter(_own(wanted))
    own_here = own.filter(task__request__session_id=wanted.session_id)
    of_session = Action.objects.filter(session_id=wanted.session_id)
    # One after another: each walks an index of its own, and the first mostly has something.
    for rows in (
        Action.objects.filter(subtask__in=own_here),
        of_session.filter(Q(subtask__isnull=True) | ~Exists(own_here)),
        Action.objects.filter(subtask__in=own),
    ):
        newest = rows.order_by("-created_at", "id").defer("input", "output")
        if found := list(newest[: wanted.history_limit]):
            return found
    return []


def _own(wanted: Wanted) -> Q:
    """Work of this agent: by its id, its type as id, or, here, of its type and nobody's yet."""
    unclaimed = Q(
        agent_type=wanted.agent_type,
        agent_id__isnull=True,
        task__request__session_id=wanted.session_id,
    )
    return Q(agent_id=wanted.agent_id) | Q(agent_type=wanted.agent_id) | unclaimed


def _first(*conditions: Q) -> Case:
    """0 for rows that meet the first of these, 1 for the second, and so on."""
    return Case(
        *(When(condition, then=Value(place)) for place, condition in enumerate(conditions)),
        default=Value(len(conditions)),
        output_field=IntegerField(),
    )


def _best(rows: "QuerySet[Any]") -> list[Any]:
    """The rows of the first place only."""
    found = list(rows)
    return [row for row in found if row.place == found[0].place]


def _messages(wanted: Wanted) -> list[Message]:
    inbox = Message.objects.inbox_of(wanted.agent_id).unread_by(wanted.agent_id)
    # The server's own notices of earlier restores are no news.
    return list(inbox.exclude(topic=CONTEXT_GENERATED)[:MOST_MESSAGES])


def _blockings(wanted: Wanted) -> list[Block]:
    return list(Block.objects.against(wanted.agent_id)[:MOST_BLOCKS])


def _project(wanted: Wanted, request: Request | None) -> Project | None:
    """The one asked for, else the one of the request, else the one of the session."""
    if wanted.project_id is not None:
        asked = Project.objects.filter(id=wanted.project_id).first()
        if asked is not None:
            return asked
    if request is not None:
        return request.project
    session = Session.objects.select_related("project").filter(id=wanted.session_id).first()
    return session.project if session is not None else None


def _progress(session_id: str) -> dict[str, int]:
    rows = Subtask.objects.filter(task__request__session_id=session_id).values("status")
    return {row["status"]: row["count"] for row in rows.annotate(count=Count("id"))}


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
