"""Sessions, and all that belongs to one. A session's id needs no row of its own."""

import uuid
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Left

from dcm.dashboard.selectors.rows import rows
from dcm.lib.keyset import Keyset
from projects.models import Action, Request
from sessions_app.models import Session

PAGE = 50
CALLS = 120
EXCERPT = 300
LONGEST_TEXT = 20_000
_NEWEST_SESSIONS = Keyset("-started_at", "id")
_NEWEST_CALLS = Keyset("-created_at", "id")


def sessions(*, only_open: bool, cursor: str | None) -> tuple[list[Session], str | None]:
    """Newest first, each with its newest prompt; and where the next page begins."""
    prompts = Request.objects.filter(session_id=OuterRef("id")).order_by("-created_at")
    found: QuerySet[Session] = Session.objects.select_related("project").annotate(
        prompt=Subquery(prompts.annotate(start=Left("prompt", EXCERPT)).values("start")[:1]),
        status=Subquery(prompts.values("status")[:1]),
    )
    if only_open:
        found = found.filter(ended_at__isnull=True)
    page = list(_NEWEST_SESSIONS.after(found, cursor)[:PAGE])
    return page, _NEWEST_SESSIONS.cursor(page, PAGE)


def session(session_id: str) -> Session | None:
    return Session.objects.select_related("project").filter(id=session_id).first()


def calls(session_id: str, cursor: str | None) -> tuple[list[Action], str | None]:
    """The newest tool calls, without what went in and came out; and where older ones begin."""
    found: QuerySet[Action] = Action.objects.filter(session_id=session_id).annotate(
        agent=Left("subtask__agent_id", 80), tool=Left("tool_name", 120)
    )
    page = list(
        _NEWEST_CALLS.after(found, cursor).only(
            "id", "exit_code", "duration_ms", "created_at", "tool_type", "subtask_id"
        )[:CALLS]
    )
    return page, _NEWEST_CALLS.cursor(page, CALLS)


_FILES = """
SELECT left(file, 400) AS file, count(*) AS calls, max(created_at) AS at,
       count(*) FILTER (WHERE tool_name ~* 'write|edit|create|update') AS changes
FROM (SELECT unnest(file_paths) AS file, tool_name, created_at FROM projects_action
      WHERE session_id = %(session_id)s ORDER BY created_at DESC LIMIT 5000) AS touched
GROUP BY 1 ORDER BY changes DESC, calls DESC, at DESC LIMIT 40
"""


def files(session_id: str) -> list[dict[str, Any]]:
    """Files that its latest tool calls named, most changed first."""
    return rows(_FILES, session_id=session_id)


_REQUESTS = """
SELECT id, left(prompt, %(excerpt)s) AS prompt, status, created_at, completed_at, project_id
FROM projects_request WHERE session_id = %(session_id)s
ORDER BY created_at DESC LIMIT 20
"""


def requests(session_id: str) -> list[dict[str, Any]]:
    """Newest first."""
    return rows(_REQUESTS, session_id=session_id, excerpt=EXCERPT)


_COMPACTIONS = """
SELECT id, number, left(agent_id, 300) AS agent_id, left(trigger, 40) AS trigger, begun_at,
       compacted_at, restored_at, restores, left(summary, 4001) AS summary
FROM sessions_app_compaction WHERE session_id = %(session_id)s ORDER BY number DESC LIMIT 50
"""


def compactions(session_id: str) -> list[dict[str, Any]]:
    """Each time that its host shortened an agent's memory, newest first."""
    return rows(_COMPACTIONS, session_id=session_id)


_AGENTS = """
SELECT left(s.agent_id, 300) AS agent_id, left(min(s.agent_type), 80) AS agent_type,
       count(*) AS subtasks, count(*) FILTER (WHERE s.status = 'completed') AS completed,
       (array_agg(s.status ORDER BY s.created_at DESC))[1] AS status
FROM projects_request r JOIN projects_task t ON t.request_id = r.id
JOIN projects_subtask s ON s.task_id = t.id
WHERE r.session_id = %(session_id)s AND s.agent_id IS NOT NULL
GROUP BY s.agent_id ORDER BY min(s.created_at) LIMIT 50
"""


def agents(session_id: str) -> list[dict[str, Any]]:
    """Who had a share in it, in the order of their first, each with the state of its last."""
    return rows(_AGENTS, session_id=session_id)


def call(action_id: uuid.UUID) -> Action | None:
    """One tool call with the beginnings of what went in and came out."""
    found = Action.objects.filter(id=action_id).defer("input", "output")
    return found.annotate(
        put_in=Left(F("input"), LONGEST_TEXT + 1), came_out=Left(F("output"), LONGEST_TEXT + 1)
    ).first()
