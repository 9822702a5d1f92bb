"""What the agents of a session share, ask and decide. Large texts come with their beginnings."""

from typing import Any

from dcm.dashboard.selectors.rows import rows

PAGE = 50
MOST = 200
EXCERPT = 2_000

_SESSIONS = """
SELECT * FROM (SELECT c.id, left(c.session_id, 600) AS session_id, c.created_at,
  (SELECT count(*) FROM sessions_app_coordinatedagent a
   WHERE a.coordination_id = c.id AND a.departure IS NULL) AS agents,
  (SELECT count(*) FROM sessions_app_contextentry e WHERE e.coordination_id = c.id) AS entries,
  (SELECT count(*) FROM sessions_app_question q
   WHERE q.coordination_id = c.id AND q.newest_answer_id IS NULL) AS pending,
  (SELECT count(*) FROM sessions_app_decision d WHERE d.coordination_id = c.id) AS decisions
FROM (SELECT * FROM sessions_app_coordination ORDER BY id DESC LIMIT %(limit)s) c) AS known
ORDER BY pending > 0 DESC, id DESC
"""


def sessions() -> list[dict[str, Any]]:
    """The newest, those with open questions first."""
    return rows(_SESSIONS, limit=PAGE)


_AGENTS = """
SELECT left(a.id, 300) AS id, left(a.name, 120) AS name, a.role,
       a.connected_at, a.last_seen_at, a.departure
FROM sessions_app_coordinatedagent a JOIN sessions_app_coordination c ON c.id = a.coordination_id
WHERE c.session_id = %(session_id)s ORDER BY a.departure IS NOT NULL, a.number LIMIT %(limit)s
"""
_ENTRIES = """
SELECT e.id, left(e.key, 300) AS key, left(e.value, %(excerpt)s + 1) AS value, e.tags[1:20] AS tags,
       left(e.updated_by, 300) AS updated_by, e.version, e.updated_at
FROM sessions_app_contextentry e JOIN sessions_app_coordination c ON c.id = e.coordination_id
WHERE c.session_id = %(session_id)s ORDER BY e.version DESC LIMIT %(limit)s
"""
_QUESTIONS = """
SELECT q.id, left(q.question, %(excerpt)s + 1) AS question, left(q.asked_by, 300) AS asked_by,
       left(q.to_agent, 300) AS to_agent, q.created_at,
       left(a.answer, %(excerpt)s + 1) AS answer, left(a.answered_by, 300) AS answered_by,
       a.answered_at
FROM sessions_app_question q JOIN sessions_app_coordination c ON c.id = q.coordination_id
LEFT JOIN sessions_app_answer a ON a.id = q.newest_answer_id
WHERE c.session_id = %(session_id)s
ORDER BY q.newest_answer_id IS NOT NULL, q.number DESC LIMIT %(limit)s
"""
_DECISIONS = """
SELECT d.id, left(d.decision, %(excerpt)s + 1) AS decision,
       left(d.rationale, %(excerpt)s + 1) AS rationale, left(d.decided_by, 300) AS decided_by,
       d.created_at
FROM sessions_app_decision d JOIN sessions_app_coordination c ON c.id = d.coordination_id
WHERE c.session_id = %(session_id)s ORDER BY d.number DESC LIMIT %(limit)s
"""


def agents(session_id: str) -> list[dict[str, Any]]:
    """Those that are there first, in the order in which they joined."""
    return rows(_AGENTS, session_id=session_id, limit=MOST)


def entries(session_id: str) -> list[dict[str, Any]]:
    """Last shared first."""
    return rows(_ENTRIES, session_id=session_id, limit=MOST, excerpt=EXCERPT)


def questions(session_id: str) -> list[dict[str, Any]]:
    """Those without an answer first, then newest first."""
    return rows(_QUESTIONS, session_id=session_id, limit=MOST, excerpt=EXCERPT)


def decisions(session_id: str) -> list[dict[str, Any]]:
    """Newest first."""
    return rows(_DECISIONS, session_id=session_id, limit=MOST, excerpt=EXCERPT)
