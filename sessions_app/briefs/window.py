"""The newest tool calls, read through an index whatever their number, and their files.

Inputs and outputs may be large and are stored apart: only the ends that a brief shows are read.
"""

import uuid
from collections.abc import Collection
from typing import Any

from django.db import connection

from sessions_app.briefs.material import Call, Touch

WINDOW = 120
"""So many calls of the agent are looked at."""

_COLUMNS = """
  id, tool_name, tool_type, exit_code, duration_ms, file_paths, created_at,
  CASE WHEN exit_code <> 0 OR file_paths = '{}' THEN left(input, 400) END AS asked,
  CASE WHEN exit_code <> 0 THEN right(output, 1500) END AS said
"""
# Each subtask walks its own part of the index; all at once would be sorted.
_OF_SUBTASKS = f"""
SELECT mine.* FROM unnest(%(subtasks)s::uuid[]) AS one(id) CROSS JOIN LATERAL (
  SELECT {_COLUMNS} FROM projects_action WHERE subtask_id = one.id
  ORDER BY created_at DESC, id LIMIT {WINDOW}
) mine ORDER BY created_at DESC, id LIMIT {WINDOW}
"""
_OF_SESSION = f"""
SELECT {_COLUMNS} FROM projects_action WHERE session_id = %(session)s
ORDER BY created_at DESC, id LIMIT {WINDOW}
"""
_OF_MAIN_AGENT = f"""
SELECT {_COLUMNS} FROM projects_action WHERE session_id = %(session)s AND subtask_id IS NULL
ORDER BY created_at DESC, id LIMIT {WINDOW}
"""


def calls_of_subtasks(subtasks: Collection[uuid.UUID]) -> list[Call]:
    return _calls(_OF_SUBTASKS, subtasks=list(subtasks)) if subtasks else []


def calls_of_session(session_id: str, *, only_main_agent: bool) -> list[Call]:
    """Newest first. Hooks record what a session's main agent does without any subtask."""
    return _calls(_OF_MAIN_AGENT if only_main_agent else _OF_SESSION, session=session_id)


def _calls(statement: str, **parameters: Any) -> list[Call]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Call(*row) for row in cursor.fetchall()]


def unmended(calls: list[Call]) -> list[Call]:
    """Failures after which the same was not done with success. calls: newest first."""
    mended: set[tuple[str, object]] = set()
    failed: dict[tuple[str, object], Call] = {}
    for call in calls:
        what = (call.tool_name, tuple(call.file_paths) or call.asked)
        if call.exit_code == 0:
            mended.add(what)
        elif what not in mended:
            failed.setdefault(what, call)
    return list(failed.values())


OTHER_SESSIONS = 3
_CHANGES = "write|create|edit|update|delete|remove|patch"
_LIGHT = "id, session_id, subtask_id, tool_name, file_paths, created_at"
# Of this session, of the agent's own subtasks, and of other sessions at work in the project.
_TOUCHES = f"""
WITH recent AS (
  (SELECT {_LIGHT} FROM projects_action
   WHERE session_id = %(session)s AND (subtask_id IS NULL OR subtask_id <> ALL(%(subtasks)s))
   ORDER BY created_at DESC LIMIT 300)
  UNION ALL
  SELECT mine.* FROM unnest(%(subtasks)s::uuid[]) AS one(id) CROSS JOIN LATERAL (
    SELECT {_LIGHT} FROM projects_action WHERE subtask_id = one.id
    ORDER BY created_at DESC LIMIT 400
  ) mine
  UNION ALL
  SELECT theirs.* FROM (
    SELECT id FROM sessions_app_session
    WHERE project_id = %(project)s AND ended_at IS NULL AND id <> %(session)s
    ORDER BY started_at DESC LIMIT {OTHER_SESSIONS}
  ) other CROSS JOIN LATERAL (
    SELECT {_LIGHT} FROM projects_action WHERE session_id = other.id
    ORDER BY created_at DESC LIMIT 100
  ) theirs
), each_path AS (
  SELECT unnest(file_paths) AS path, session_id, subtask_id, tool_name, created_at,
         (extract(epoch FROM created_at) * 1000000)::bigint::text || id::text AS newest
  FROM recent
), by_tool AS (
  SELECT path, session_id, subtask_id, tool_name, count(*) AS times,
         max(created_at) AS touched_at, max(newest COLLATE "C") AS newest
  FROM each_path GROUP BY 1, 2, 3, 4
), touched AS (
  SELECT path, session_id, subtask_id, bool_or(tool_name ~* '{_CHANGES}') AS is_changed,
         coalesce(sum(times) FILTER (WHERE tool_name ~* '{_CHANGES}'), 0)::int AS times,
         max(touched_at) AS touched_at, max(newest COLLATE "C") AS newest
  FROM by_tool GROUP BY 1, 2, 3
)
SELECT path,
       coalesce(nullif(s.agent_id, ''), s.agent_type, t.session_id, 'somebody') AS agent,
       CASE WHEN t.subtask_id IS NULL THEN t.session_id = %(session)s AND %(is_main)s
            ELSE t.subtask_id = ANY(%(subtasks)s::uuid[]) END AS is_own,
       is_changed,
       CASE WHEN t.subtask_id IS NULL THEN TRUE
            ELSE coalesce(s.status = ANY(%(at_work)s), FALSE) END AS is_at_work,
       times, touched_at, right(newest, 36)::uuid AS action_id
FROM touched t LEFT JOIN projects_subtask s ON s.id = t.subtask_id
ORDER BY touched_at DESC LIMIT 200
"""
_AT_WORK = ["running", "paused", "blocked"]


def touches(
    *,
    session_id: str,
    project_id: uuid.UUID | None,
    subtasks: Collection[uuid.UUID],
    is_main: bool,
) -> list[Touch]:
    """Who had to do with which file lately, newest first."""
    wanted = {
        "session": session_id,
        "project": project_id,
        "subtasks": list(subtasks),
        "is_main": is_main,
        "at_work": _AT_WORK,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHES, wanted)
        return [Touch(*row) for row in cursor.fetchall()]
