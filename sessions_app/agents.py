"""Agents as people see them: who is there, at what, with how much unread. Beyond the contract."""

from datetime import timedelta
from typing import Any

from dcm.lib.statements import fetch
from projects.models import Request, Subtask

RECENT = timedelta(hours=24)
LONGEST_PROMPT = 500
IDENTITY = (
    "name",
    "session_id",
    "project_id",
    "parent",
    "model",
    "machine",
    "state",
    "reason",
    "state_since",
    "injections",
    "injected_characters",
)
"""What the registry of hooks knows of an agent, under the names that its rows have."""

_SEEN = ("agent_id", "agent_type", "online", "connections", "connected_since", "last_seen_at")
_CURRENT_SUBTASK = ("id", "description", "status", "started_at")
_MORE = ("unread_count", "is_blocked", *IDENTITY)
_CURRENT_REQUEST = ("id", "prompt", "created_at")

# work: of each agent the subtask that counts, a running one, else an open one, else the newest.
# known: of each id the row that was heard of last. Who has read which broadcast is counted for
# all together, as most agents have read most of them.
_AGENTS = f"""
WITH online AS (
  SELECT agent_id, count(*) AS connections, min(connected_at) AS since
  FROM realtime_presence WHERE expires_at > now() AND {{connected}} GROUP BY agent_id
), work AS (
  SELECT DISTINCT ON (agent_id COLLATE "C") agent_id, id, agent_type, description, status,
         created_at, started_at, completed_at
  FROM projects_subtask WHERE {{worked}}
  ORDER BY agent_id COLLATE "C", status <> '{Subtask.Status.RUNNING}', status <> ALL (%(at_work)s),
           created_at DESC
), known AS (
  SELECT DISTINCT ON (agent_id) agent_id, agent_type, seen_at, {", ".join(IDENTITY)}
  FROM messaging_agent WHERE {{heard_of}} ORDER BY agent_id, seen_at DESC
), seen AS (
  SELECT agent_id AS id FROM online UNION SELECT agent_id FROM work
  UNION SELECT agent_id FROM known
), broadcast AS MATERIALIZED (
  SELECT id, read_by FROM messaging_message
  WHERE to_agent IS NULL AND (expires_at IS NULL OR expires_at > now())
), has_read AS MATERIALIZED (
  SELECT reader, count(DISTINCT id) AS many
  FROM broadcast CROSS JOIN unnest(read_by) AS reader GROUP BY reader
)
SELECT seen.id, coalesce(nullif(work.agent_type, ''), known.agent_type),
       online.agent_id IS NOT NULL, coalesce(online.connections, 0), online.since,
       CASE WHEN online.agent_id IS NOT NULL THEN now() ELSE greatest(
         known.seen_at, work.created_at, work.started_at, work.completed_at, acted.newest
       ) END,
       {", ".join(f"work.{name}" for name in _CURRENT_SUBTASK)},
       own.unread + (SELECT count(*) FROM broadcast) - coalesce(has_read.many, 0),
       EXISTS (SELECT FROM messaging_block WHERE blocked_agent = seen.id),
       {", ".join(f"known.{name}" for name in IDENTITY)},
       {", ".join(f"asked.{name}" for name in _CURRENT_REQUEST)}
FROM seen
LEFT JOIN online ON online.agent_id = seen.id
LEFT JOIN work ON work.agent_id = seen.id
LEFT JOIN known ON known.agent_id = seen.id
LEFT JOIN has_read ON has_read.reader = seen.id
CROSS JOIN LATERAL (
  SELECT count(*) AS unread FROM messaging_message WHERE to_agent = seen.id
  AND (expires_at IS NULL OR expires_at > now()) AND NOT read_by @> ARRAY[seen.id]
) own
LEFT JOIN LATERAL (
  SELECT max(action.created_at) AS newest
  FROM projects_subtask s CROSS JOIN LATERAL (
    SELECT created_at FROM projects_action
    WHERE subtask_id = s.id AND created_at > now() - %(recent)s::interval
    ORDER BY created_at DESC LIMIT 1
  ) action WHERE s.agent_id = seen.id
) acted ON online.agent_id IS NULL
LEFT JOIN LATERAL (
  SELECT id, left(prompt, {LONGEST_PROMPT}) AS prompt, created_at FROM projects_request
  WHERE session_id = known.session_id AND status = '{Request.Status.ACTIVE}'
  ORDER BY created_at DESC LIMIT 1
) asked ON true
ORDER BY online.agent_id IS NULL, seen.id COLLATE "C"
"""  # noqa: S608  constants of ours
_ALL = _AGENTS.format(
    connected="true",
    worked="agent_id IS NOT NULL AND created_at > now() - %(recent)s::interval",
    heard_of="seen_at > now() - %(recent)s::interval",
)
_ONE = _AGENTS.format(**dict.fromkeys(("connected", "worked", "heard_of"), "agent_id = %(agent)s"))


def agents(agent_id: str | None = None) -> list[dict[str, Any]]:
    """Agents that are connected, or were heard of or had work within 24 hours.

    Those online come first, then by id. last_seen_at: now when online, else of their newest hook,
    action or change of work. What only hooks tell is None for others.
    """
    asked: dict[str, Any] = {"recent": RECENT, "at_work": sorted(Subtask.AT_WORK)}
    rows = fetch(_ALL, asked) if agent_id is None else fetch(_ONE, {**asked, "agent": agent_id})
    return [_agent(row) for row in rows]


def _agent(row: tuple[Any, ...]) -> dict[str, Any]:
    values = iter(row)
    seen, subtask, more, request = (
        {name: next(values) for name in names}
        for names in (_SEEN, _CURRENT_SUBTASK, _MORE, _CURRENT_REQUEST)
    )
    is_open = subtask["id"] is not None and subtask["status"] not in Subtask.TERMINAL
    return {
        **seen,
        "current_subtask": subtask if is_open else None,
        **more,
        "current_request": request if request["id"] is not None else None,
    }
