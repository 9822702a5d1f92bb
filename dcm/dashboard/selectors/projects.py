"""The work tree, one level at a time."""

import uuid
from typing import Any

from dcm.dashboard.selectors.rows import rows

PAGE = 40
MOST_CALLS = 100
EXCERPT = 300

_PROJECTS = """
SELECT p.id, left(p.name, 120) AS name, left(p.path, 300) AS path, p.created_at, p.updated_at,
       work.requests, work.active, work.at AS asked_at
FROM (SELECT * FROM projects_project ORDER BY updated_at DESC, id LIMIT %(limit)s) p
CROSS JOIN LATERAL (
  SELECT count(*) AS requests, count(*) FILTER (WHERE status = 'active') AS active,
         max(created_at) AS at
  FROM projects_request r WHERE r.project_id = p.id) work
ORDER BY coalesce(work.at, p.updated_at) DESC, p.id
"""


def projects() -> list[dict[str, Any]]:
    """Those that changed last."""
    return rows(_PROJECTS, limit=PAGE)


_PROJECT = """
SELECT p.id, left(p.name, 120) AS name, left(p.path, 300) AS path, p.created_at,
       (SELECT count(*) FROM projects_request r WHERE r.project_id = p.id) AS requests,
       (SELECT count(*) FROM sessions_app_session s WHERE s.project_id = p.id) AS sessions,
       s.subtasks, s.completed, s.failed, s.at_work
FROM projects_project p
CROSS JOIN LATERAL (
  SELECT count(*) AS subtasks, count(*) FILTER (WHERE s.status = 'completed') AS completed,
         count(*) FILTER (WHERE s.status = 'failed') AS failed,
         count(*) FILTER (WHERE s.status IN ('running', 'paused', 'blocked')) AS at_work
  FROM projects_request r JOIN projects_task t ON t.request_id = r.id
  JOIN projects_subtask s ON s.task_id = t.id WHERE r.project_id = p.id) s
WHERE p.id = %(project_id)s
"""


def project(project_id: uuid.UUID) -> dict[str, Any] | None:
    return next(iter(rows(_PROJECT, project_id=project_id)), None)


_REQUESTS = """
SELECT r.id, left(r.prompt, %(excerpt)s) AS prompt, r.status, r.created_at, r.completed_at,
       left(r.session_id, 600) AS session_id, left(r.prompt_type, 40) AS prompt_type,
       (SELECT count(*) FROM projects_task t WHERE t.request_id = r.id) AS waves
FROM projects_request r WHERE r.project_id = %(project_id)s
ORDER BY r.created_at DESC, r.id LIMIT %(limit)s
"""


def requests(project_id: uuid.UUID) -> list[dict[str, Any]]:
    """Newest first."""
    return rows(_REQUESTS, project_id=project_id, limit=PAGE, excerpt=EXCERPT)


_WAVES = """
SELECT t.id, left(t.name, 200) AS name, t.wave_number, t.status, t.created_at, t.completed_at,
       count(s.id) AS subtasks, count(s.id) FILTER (WHERE s.status = 'completed') AS completed
FROM projects_task t LEFT JOIN projects_subtask s ON s.task_id = t.id
WHERE t.request_id = %(request_id)s
GROUP BY t.id ORDER BY t.wave_number, t.created_at, t.id LIMIT 200
"""


def waves(request_id: uuid.UUID) -> list[dict[str, Any]]:
    return rows(_WAVES, request_id=request_id)


_SUBTASKS = """
SELECT s.id, left(s.agent_id, 300) AS agent_id, left(s.agent_type, 80) AS agent_type, s.status,
       left(s.description, %(excerpt)s) AS description, s.created_at, s.started_at, s.completed_at,
       t.wave_number, t.status AS wave_status, t.created_at AS wave_at,
       (SELECT count(*) FROM projects_action a WHERE a.subtask_id = s.id) AS actions,
       left(s.result::text, 600) AS result
FROM projects_task t JOIN projects_subtask s ON s.task_id = t.id
WHERE t.id = %(task_id)s OR t.request_id = %(request_id)s
ORDER BY t.wave_number, t.created_at, t.id, s.created_at, s.id LIMIT 300
"""


def subtasks(
    *, task_id: uuid.UUID | None = None, request_id: uuid.UUID | None = None
) -> list[dict[str, Any]]:
    """Of a wave, or of all waves of a request; in order."""
    return rows(_SUBTASKS, task_id=task_id, request_id=request_id, excerpt=EXCERPT)


_CALLS = """
SELECT id, left(tool_name, 80) AS tool, exit_code, duration_ms, created_at
FROM projects_action WHERE subtask_id = %(subtask_id)s ORDER BY created_at DESC, id LIMIT %(limit)s
"""


def calls(subtask_id: uuid.UUID) -> list[dict[str, Any]]:
    """The newest tool calls."""
    return rows(_CALLS, subtask_id=subtask_id, limit=MOST_CALLS)
