"""Reads what a brief is made of, in a few trips to the database. Contract: context-briefs 2, 3."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from django.db.models import Case, IntegerField, Value, When

from dcm.lib.keys.limits import limits, of_caller
from dcm.lib.statements import Asked, fetch_each
from messaging.models import CONTEXT_GENERATED, Block
from messaging.services.inbox import Inbox, ask_inbox, messages_of
from projects.models import Project, Request, Subtask
from sessions_app.briefs.held import leases_bearing_on
from sessions_app.briefs.material import Call, Decided, Material, Touch, Wanted
from sessions_app.briefs.news import Place, news
from sessions_app.briefs.of_session import (
    MOST_TASKS,
    OPEN,
    Talk,
    Work,
    ask_talk,
    ask_work,
    talk_of,
    work_of,
)
from sessions_app.briefs.window import ask_calls, ask_touches, unmended
from sessions_app.models import Session

MOST_MESSAGES = 20
MOST_BLOCKS = 10
MOST_TEAM_BLOCKS = 20
MOST_FAILURES = 5


def gather(wanted: Wanted, place: Place | None = None) -> Material:
    """Reads only: nothing is marked, nothing is stored. place: tells what counts as news."""
    of_request, of_work, of_talk, of_inbox = _together(
        _ask_request(wanted.session_id),
        ask_work(wanted),
        ask_talk(wanted),
        ask_inbox(_unread(wanted)) if wanted.include_messages else None,
    )
    request = _request(of_request)
    project = _project(wanted, request)
    work, talk = work_of(of_work), talk_of(of_talk)
    of_blocks, of_calls, of_touches = _together(
        _ask_blocks(wanted, work) if wanted.include_blocking else None,
        ask_calls(wanted, work.own_ids) if wanted.include_history else None,
        ask_touches(wanted, work.own_ids, project.id if project else None)
        if wanted.include_history
        else None,
    )
    blocks = [Block(**dict(zip(_OF_BLOCK, row, strict=True))) for row in of_blocks]
    calls = [Call(*row) for row in of_calls]
    files = [Touch(*row) for row in of_touches]
    material = Material(
        tasks=work.open_tasks or _tasks_elsewhere(wanted),
        messages=messages_of(of_inbox),
        blockings=[each for each in blocks if each.blocked_agent == wanted.agent_id][:MOST_BLOCKS],
        team_blocks=[each for each in blocks if each.blocked_agent != wanted.agent_id],
        history=calls[: wanted.history_limit],
        failures=unmended(calls)[:MOST_FAILURES],
        touches=files,
        leases=leases_bearing_on(wanted, project, [file.path for file in files if file.is_own]),
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


def _together(*each: Asked | None) -> list[list[tuple[Any, ...]]]:
    """The rows of each, of None none, in one trip."""
    found = iter(fetch_each([asked for asked in each if asked], any_values=True))
    return [next(found) if asked else [] for asked in each]


def resolve_session(agent_id: str) -> str | None:
    """The session of the newest unfinished request that has open work for this agent."""
    open_work = Subtask.objects.of_agent(agent_id).filter(
        status__in=["running", "pending", "paused"]
    )
    unfinished = open_work.exclude(task__request__status=Request.Status.COMPLETED)
    sessions = unfinished.order_by("-task__request__created_at", "task__request_id")
    return sessions.values_list("task__request__session_id", flat=True).first()


# --- the work tree ----------------------------------------------------------------------------


_REQUEST = f"""
SELECT r.id, r.session_id, r.prompt, r.status, r.created_at, p.id, p.path, p.name
FROM projects_request r LEFT JOIN projects_project p ON p.id = r.project_id
WHERE r.session_id = %(session)s AND {of_caller("r.project_id")}
ORDER BY r.created_at DESC LIMIT 1
"""  # noqa: S608  constants of ours
_OF_REQUEST = ("id", "session_id", "prompt", "status", "created_at")
_OF_PROJECT = ("id", "path", "name")


def _ask_request(session_id: str) -> Asked:
    """The newest, and its project."""
    return _REQUEST, {"session": session_id, "projects": limits()}


def _request(rows: Iterable[tuple[Any, ...]]) -> Request | None:
    for row in rows:
        request = Request(**dict(zip(_OF_REQUEST, row, strict=False)))
        of_project = dict(zip(_OF_PROJECT, row[len(_OF_REQUEST) :], strict=True))
        project = Project(**of_project) if of_project["id"] else None
        request.project = project  # type: ignore[assignment]  # it may be deleted just now
        return request
    return None


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


# --- what was said ----------------------------------------------------------------------------


def _unread(wanted: Wanted) -> Inbox:
    # The server's own notices of earlier restores are no news.
    return Inbox(
        agent_id=wanted.agent_id, unread_only=True, but=CONTEXT_GENERATED, limit=MOST_MESSAGES
    )


_BLOCKS = f"""
SELECT id, blocked_by, blocked_agent, reason, created_at FROM messaging_block
WHERE blocked_agent = ANY(%(agents)s::text[])
ORDER BY blocked_agent <> %(agent)s, created_at DESC, id LIMIT {MOST_BLOCKS + MOST_TEAM_BLOCKS}
"""  # noqa: S608  constants of ours
_OF_BLOCK = ("id", "blocked_by", "blocked_agent", "reason", "created_at")


def _ask_blocks(wanted: Wanted, work: Work) -> Asked:
    """Against the agent first, then against others of the session."""
    others = {task.agent_id for task in work.team if task.agent_id and task.status in OPEN}
    return _BLOCKS, {"agent": wanted.agent_id, "agents": [wanted.agent_id, *sorted(others)]}


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
    *("leases", "questions", "asked", "answers", "decisions", "entries"),
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
