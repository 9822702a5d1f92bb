"""Who is at work, who is stuck, how busy it is: each in one statement, whatever there is."""

from typing import Any

from dcm.dashboard.selectors.rows import rows

MOST_AGENTS = 50
MOST_STUCK = 12
EXCERPT = 300

_FIGURES = """
SELECT
  (SELECT count(DISTINCT coalesce(agent_id, agent_type, id::text)) FROM projects_subtask
   WHERE status = 'running') AS at_work,
  (SELECT count(*) FROM projects_subtask WHERE status IN ('blocked', 'paused')) AS held,
  (SELECT count(*) FROM sessions_app_session WHERE ended_at IS NULL) AS open_sessions,
  (SELECT count(*) FROM projects_action WHERE created_at > now() - interval '5 minutes') / 5.0
    AS per_minute,
  (SELECT count(*) FROM messaging_message WHERE created_at > now() - interval '1 hour')
    AS messages,
  (SELECT count(*) FROM sessions_app_question WHERE newest_answer_id IS NULL) AS questions,
  hour.actions, hour.failed,
  100.0 * hour.failed / nullif(hour.actions, 0) AS error_rate
FROM (SELECT count(*) AS actions, count(*) FILTER (WHERE exit_code <> 0) AS failed
      FROM projects_action WHERE created_at > now() - interval '1 hour') AS hour
"""


def figures() -> dict[str, Any]:
    """error_rate: percent of the last hour's actions, None when there were none."""
    return rows(_FIGURES)[0]


_AT_WORK = """
SELECT s.id, s.status, s.started_at, left(s.agent_id, %(excerpt)s) AS agent_id,
       left(s.agent_type, 80) AS agent_type, left(s.description, %(excerpt)s) AS description,
       p.id AS project_id, left(coalesce(p.name, p.path), 120) AS project, r.session_id,
       done.actions, newest.tool_name, newest.exit_code, newest.created_at AS acted_at
FROM (SELECT * FROM projects_subtask WHERE status IN ('running', 'paused', 'blocked')
      ORDER BY (status = 'running'), started_at DESC NULLS FIRST, id LIMIT %(limit)s) s
JOIN projects_task t ON t.id = s.task_id
JOIN projects_request r ON r.id = t.request_id
JOIN projects_project p ON p.id = r.project_id
CROSS JOIN LATERAL (SELECT count(*) AS actions FROM projects_action a WHERE a.subtask_id = s.id)
  AS done
LEFT JOIN LATERAL (
  SELECT left(a.tool_name, 80) AS tool_name, a.exit_code, a.created_at FROM projects_action a
  WHERE a.subtask_id = s.id ORDER BY a.created_at DESC LIMIT 1) AS newest ON true
ORDER BY (s.status = 'running'), s.started_at DESC NULLS FIRST, s.id
"""


def at_work() -> list[dict[str, Any]]:
    """Subtasks at work with the newest tool call of each, those that stand still first."""
    return rows(_AT_WORK, limit=MOST_AGENTS, excerpt=EXCERPT)


_STUCK = """
(SELECT 'block' AS kind, left(blocked_agent, 80) AS who, left(blocked_by, 80) AS other,
        left(reason, %(excerpt)s) AS text, created_at AS at, NULL AS session_id
 FROM messaging_block ORDER BY created_at LIMIT %(limit)s)
UNION ALL
(SELECT 'question', left(coalesce(asks.name, q.asked_by), 80),
        left(coalesce(hears.name, q.to_agent), 80), left(q.question, %(excerpt)s),
        q.created_at, c.session_id
 FROM sessions_app_question q JOIN sessions_app_coordination c ON c.id = q.coordination_id
 LEFT JOIN sessions_app_coordinatedagent asks ON asks.id = q.asked_by
 LEFT JOIN sessions_app_coordinatedagent hears ON hears.id = q.to_agent
 WHERE q.newest_answer_id IS NULL ORDER BY q.created_at DESC LIMIT %(limit)s)
UNION ALL
(SELECT 'failure', left(coalesce(s.agent_id, s.agent_type, 'unnamed'), 80), NULL,
        left(s.description, %(excerpt)s), s.completed_at, r.session_id
 FROM projects_subtask s JOIN projects_task t ON t.id = s.task_id
 JOIN projects_request r ON r.id = t.request_id
 WHERE s.status = 'failed' AND s.created_at > now() - interval '1 day'
   AND s.completed_at > now() - interval '1 hour'
 ORDER BY s.completed_at DESC LIMIT %(limit)s)
ORDER BY at DESC LIMIT %(limit)s
"""


def stuck() -> list[dict[str, Any]]:
    """What waits for somebody: blocks, questions without an answer, work that has just failed."""
    return rows(_STUCK, limit=MOST_STUCK, excerpt=EXCERPT)


_ACTIVITY = """
SELECT (extract(epoch FROM created_at)::bigint / 60) AS minute, count(*) AS actions,
       count(*) FILTER (WHERE exit_code <> 0) AS failed
FROM projects_action WHERE created_at > now() - interval '24 hours' AND created_at <= now()
GROUP BY 1
"""


def activity() -> dict[int, tuple[int, int]]:
    """Minute since 1970 -> its actions, and how many of them failed; of the last 24 hours."""
    return {row["minute"]: (row["actions"], row["failed"]) for row in rows(_ACTIVITY)}
