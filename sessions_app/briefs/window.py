"""The newest tool calls, read through an index whatever their number, and their files.

Inputs and outputs may be large and are stored apart: only the ends that a brief shows are read.
"""

import uuid
from collections.abc import Sequence

from dcm.lib.keys.limits import limits
from dcm.lib.statements import Asked
from sessions_app.briefs.material import Call, Wanted

WINDOW = 120
"""So many calls of the agent are looked at."""
MOST_OWN = 50

_COLUMNS = """
  id, tool_name, tool_type, exit_code, duration_ms, file_paths, created_at,
  CASE WHEN exit_code <> 0 OR file_paths = '{}' THEN left(input, 400) END AS asked,
  CASE WHEN exit_code <> 0 THEN right(output, 1500) END AS said
"""


def _of_subtasks(subtasks: str, condition: str) -> str:
    # Each subtask walks its own part of the index; all at once would be sorted.
    return f"""
SELECT mine.* FROM ({subtasks}) AS one(id) CROSS JOIN LATERAL (
  SELECT {_COLUMNS} FROM projects_action WHERE subtask_id = one.id
  ORDER BY created_at DESC, id LIMIT {WINDOW}
) mine WHERE {condition} ORDER BY created_at DESC, id LIMIT {WINDOW}
"""


_OWN_ELSEWHERE = f"""
SELECT id FROM projects_subtask s WHERE (agent_id = %(agent)s OR agent_type = %(agent)s)
  AND (%(projects)s::uuid[] IS NULL OR EXISTS (
    SELECT FROM projects_task t JOIN projects_request r ON r.id = t.request_id
    WHERE t.id = s.task_id AND r.project_id = ANY(%(projects)s::uuid[])))
ORDER BY created_at DESC, id LIMIT {MOST_OWN}
"""
# Each part is looked for only when those before it are empty.
_CALLS = f"""
WITH own AS MATERIALIZED ({_of_subtasks("SELECT unnest(%(subtasks)s::uuid[])", "true")}),
here AS MATERIALIZED (
  SELECT {_COLUMNS} FROM projects_action
  WHERE session_id = %(session)s AND (%(is_main)s OR subtask_id IS NULL)
    AND NOT EXISTS (SELECT FROM own)
  ORDER BY created_at DESC, id LIMIT {WINDOW}
), elsewhere AS MATERIALIZED ({
    _of_subtasks(_OWN_ELSEWHERE, "NOT EXISTS (SELECT FROM own) AND NOT EXISTS (SELECT FROM here)")
})
SELECT * FROM own UNION ALL SELECT * FROM here UNION ALL SELECT * FROM elsewhere
ORDER BY created_at DESC, id
"""


def ask_calls(wanted: Wanted, subtasks: Sequence[uuid.UUID]) -> Asked:
    """Newest first: of its own subtasks here, else of the session, else of its own elsewhere.

    Hooks record what a session's main agent does without any subtask. To such an agent, which has
    none of its own, all work of the session is its own.
    """
    return _CALLS, {
        "agent": wanted.agent_id,
        "session": wanted.session_id,
        "subtasks": subtasks,
        "is_main": not subtasks,
        "projects": limits(),
    }


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


def ask_touches(
    wanted: Wanted, subtasks: Sequence[uuid.UUID], project_id: uuid.UUID | None
) -> Asked:
    """Who had to do with which file lately, newest first."""
    return _TOUCHES, {
        "session": wanted.session_id,
        "project": project_id,
        "subtasks": subtasks,
        "is_main": not subtasks,
        "at_work": _AT_WORK,
    }
