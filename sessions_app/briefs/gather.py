"""Reads what a brief is made of, in a fixed number of queries. Contract: context-briefs 2, 3."""

import dataclasses
import uuid
from typing import Any

from django.db.models import Case, IntegerField, Value, When

from messaging.models import CONTEXT_GENERATED, Block, Message
from projects.models import Project, Request, Subtask
from sessions_app.briefs.material import Call, Decided, Material, Touch, Wanted
from sessions_app.briefs.news import Place, news
from sessions_app.briefs.of_session import MOST_OWN, MOST_TASKS, OPEN, Talk, Work, talk_of, work_of
from sessions_app.briefs.window import (
    calls_of_session,
    calls_of_subtasks,
    touches,
    unmended,
)
from sessions_app.models import Session

MOST_MESSAGES = 20
MOST_BLOCKS = 10
MOST_TEAM_BLOCKS = 20
MOST_FAILURES = 5


def gather(wanted: Wanted, place: Place | None = None) -> Material:
    """Reads only: nothing is marked, nothing is stored. place: tells what counts as news."""
    request = _request(wanted.session_id)
    project = _project(wanted, request)
    work = work_of(wanted)
    calls = _calls(wanted, work.own_ids) if wanted.include_history else []
    blocks = _blocks(wanted, work) if wanted.include_blocking else []
    talk = talk_of(wanted)
    material = Material(
        tasks=work.open_tasks or _tasks_elsewhere(wanted),
        messages=_messages(wanted) if wanted.include_messages else [],
        blockings=[each for each in blocks if each.blocked_agent == wanted.agent_id][:MOST_BLOCKS],
        team_blocks=[each for each in blocks if each.blocked_agent != wanted.agent_id],
        history=calls[: wanted.history_limit],
        failures=unmended(calls)[:MOST_FAILURES],
        touches=_touches(wanted, work, project) if wanted.include_history else [],
        request=request,
        project=project,
        progress=work.progress,
        team=work.team,
        questions=[q for q in talk.questions if q.answer is None and q.by != wanted.agent_id],
        asked=[q for q in talk.questions if q.answer is None and q.by == wanted.agent_id],
        answers=[q for q in talk.questions if q.answer is not None],
        decisions=[*talk.decisions, *_decisions_before(wanted, talk)],
        entries=talk.entries,
    )
    if place is None or place.start is None or not place.start.recovered:
        return material
    return only_news(material, news(place.start, _ids(material)))


def resolve_session(agent_id: str) -> str | None:
    """The session of the newest unfinished request that has open work for this agent."""
    open_work = Subtask.objects.of_agent(agent_id).filter(
        status__in=["running", "pending", "paused"]
    )
    unfinished = open_work.exclude(task__request__status=Request.Status.COMPLETED)
    sessions = unfinished.order_by("-task__request__created_at", "task__request_id")
    return sessions.values_list("task__request__session_id", flat=True).first()


# --- the work tree ----------------------------------------------------------------------------


def _request(session_id: str) -> Request | None:
    requests = Request.objects.select_related("project").filter(session_id=session_id)
    return requests.order_by("-created_at").first()


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


def _tasks_elsewhere(wanted: Wanted) -> list[Subtask]:
    """Of all sessions; only when there are none in this one."""
    rank = Case(
        *(When(status=status, then=Value(place)) for place, status in enumerate(OPEN)),
        output_field=IntegerField(),
    )
    own = Subtask.objects.of_agent(wanted.agent_id).filter(status__in=OPEN)
    return list(own.select_related("task").order_by(rank, "created_at", "id")[:MOST_TASKS])


# --- tool calls -------------------------------------------------------------------------------


def _calls(wanted: Wanted, own: list[uuid.UUID]) -> list[Call]:
    """Newest first: of its own subtasks here, else of the session, else of its own elsewhere.

    Hooks record what a session's main agent does without any subtask. To such an agent, which has
    none of its own, all work of the session is its own.
    """
    # One after another: each walks an index of its own, and the first mostly has something.
    return (
        calls_of_subtasks(own)
        or calls_of_session(wanted.session_id, only_main_agent=bool(own))
        or calls_of_subtasks(_own_elsewhere(wanted))
    )


def _own_elsewhere(wanted: Wanted) -> list[uuid.UUID]:
    own = Subtask.objects.of_agent(wanted.agent_id).order_by("-created_at", "id")
    return list(own.values_list("id", flat=True)[:MOST_OWN])


def _touches(wanted: Wanted, work: Work, project: Project | None) -> list[Touch]:
    return touches(
        session_id=wanted.session_id,
        project_id=project.id if project else None,
        subtasks=work.own_ids,
        is_main=not work.own_ids,
    )


# --- what was said ----------------------------------------------------------------------------


def _messages(wanted: Wanted) -> list[Message]:
    inbox = Message.objects.inbox_of(wanted.agent_id).unread_by(wanted.agent_id)
    # The server's own notices of earlier restores are no news.
    return list(inbox.exclude(topic=CONTEXT_GENERATED)[:MOST_MESSAGES])


def _blocks(wanted: Wanted, work: Work) -> list[Block]:
    """Against the agent first, then against others of the session."""
    others = {task.agent_id for task in work.team if task.agent_id and task.status in OPEN}
    is_mine = When(blocked_agent=wanted.agent_id, then=Value(0))
    rows = Block.objects.filter(blocked_agent__in=[wanted.agent_id, *sorted(others)])
    place = Case(is_mine, default=Value(1), output_field=IntegerField())
    return list(rows.order_by(place, "-created_at", "id")[: MOST_BLOCKS + MOST_TEAM_BLOCKS])


def _decisions_before(wanted: Wanted, talk: Talk) -> list[Decided]:
    """Those of the snapshot that are too old to be among the newest."""
    known = {each.id for each in talk.decisions}
    kept = wanted.snapshot["decisions"] if wanted.snapshot else []
    return [
        Decided(each["id"], each["by"], each["text"], None)
        for each in kept
        if each["id"] not in known
    ]


# --- news -------------------------------------------------------------------------------------


_LISTS = (
    *("tasks", "messages", "blockings", "team_blocks", "history", "failures", "team"),
    *("questions", "asked", "answers", "decisions", "entries"),
)


def _ids(material: Material) -> list[str]:
    rows = [row for name in _LISTS for row in getattr(material, name)]
    return [str(row.id) for row in rows] + [str(touch.action_id) for touch in material.touches]


def only_news(material: Material, ids: frozenset[str]) -> Material:
    """Of the lists what has one of these ids; of the agent's own files all, to warn by."""
    new: dict[str, Any] = {
        "news": ids,
        "touches": [t for t in material.touches if t.is_own or str(t.action_id) in ids],
    }
    for name in _LISTS:
        new[name] = [row for row in getattr(material, name) if str(row.id) in ids]
    return dataclasses.replace(material, **new)
