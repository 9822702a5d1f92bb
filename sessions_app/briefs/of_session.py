"""What goes on in a session and is said there: one statement each, which travel together.

By hand, since a brief has ten milliseconds: making a statement of a queryset costs more than most
of these take. Texts of up to a megabyte are read only as far as a line of a brief shows them.
"""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dcm.lib import statements
from projects.models import Subtask, Task
from sessions_app.briefs.material import Asked, Decided, Shared, Wanted
from sessions_app.briefs.window import MOST_OWN

Rows = Iterable[tuple[Any, ...]]
OPEN = ["running", "blocked", "paused", "pending"]
MOST_TASKS = 20
MOST_TEAM = 40
MOST_QUESTIONS = 20
MOST_DECISIONS = 60
MOST_ENTRIES = 60
LONGEST_TEXT = 600


@dataclass
class Work:
    """open_tasks: the agent's own, in the order of the contract. own_ids: also of ended ones.

    team: of others: open ones, then what ended last. progress: subtasks by status.
    """

    open_tasks: list[Subtask] = field(default_factory=list)
    own_ids: list[uuid.UUID] = field(default_factory=list)
    team: list[Subtask] = field(default_factory=list)
    progress: dict[str, int] = field(default_factory=dict)


# Own: by the agent's id, its type as id, or of its type and nobody's yet (C04).
_WORK = f"""
WITH here AS MATERIALIZED (
  SELECT s.id, s.agent_type, s.agent_id, s.description, s.status, s.blocked_by, s.created_at,
         s.started_at, s.completed_at, s.result, t.id AS task_id, t.name, t.wave_number,
         coalesce(s.agent_id = %(agent)s OR s.agent_type = %(agent)s
                  OR (s.agent_id IS NULL AND s.agent_type = %(type)s), FALSE) AS is_own,
         coalesce(array_position(%(open)s::text[], s.status), 9) AS rank
  FROM projects_request r
  JOIN projects_task t ON t.request_id = r.id
  JOIN projects_subtask s ON s.task_id = t.id
  WHERE r.session_id = %(session)s
), progress AS (
  SELECT jsonb_object_agg(status, many) AS counts
  FROM (SELECT status, count(*) AS many FROM here GROUP BY 1) by_status
), chosen AS (
  (SELECT * FROM here WHERE is_own
   ORDER BY rank, CASE WHEN rank < 9 THEN created_at END, created_at DESC, id LIMIT {MOST_OWN})
  UNION ALL
  (SELECT * FROM here WHERE NOT is_own
   ORDER BY rank, completed_at DESC NULLS LAST, created_at, id LIMIT {MOST_TEAM})
)
SELECT chosen.*, counts FROM chosen, progress
"""


def ask_work(wanted: Wanted) -> statements.Asked:
    return _WORK, {
        "agent": wanted.agent_id,
        "type": wanted.agent_type,
        "session": wanted.session_id,
        "open": OPEN,
    }


def work_of(rows: Rows) -> Work:
    """The subtasks of the session."""
    work = Work()
    for *columns, task_id, name, wave_number, is_own, rank, counts in rows:
        subtask = Subtask(**dict(zip(_COLUMNS, columns, strict=True)))
        subtask.result = json.loads(subtask.result) if subtask.result else None
        subtask.task = Task(id=task_id, name=name, wave_number=wave_number)
        work.progress = json.loads(counts)
        if not is_own:
            work.team.append(subtask)
            continue
        work.own_ids.append(subtask.id)
        if rank < _ENDED and len(work.open_tasks) < MOST_TASKS:
            work.open_tasks.append(subtask)
    return work


_ENDED = 9
_COLUMNS = (
    *("id", "agent_type", "agent_id", "description", "status", "blocked_by", "created_at"),
    *("started_at", "completed_at", "result"),
)


@dataclass
class Talk:
    """All newest first. questions: to the agent or to all, and its own, with newest answers."""

    questions: list[Asked] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    entries: list[Shared] = field(default_factory=list)


_TALK = f"""
WITH room AS MATERIALIZED (
  SELECT id FROM sessions_app_coordination WHERE session_id = %(session)s
)
(SELECT 'question', q.id, q.asked_by, q.to_agent, left(q.question, {LONGEST_TEXT}),
        left(a.answer, {LONGEST_TEXT}), a.answered_by
 FROM sessions_app_question q LEFT JOIN sessions_app_answer a ON a.id = q.newest_answer_id
 WHERE q.coordination_id = (SELECT id FROM room)
   AND (q.asked_by = %(agent)s
        OR (q.newest_answer_id IS NULL AND (q.to_agent IS NULL OR q.to_agent = %(agent)s)))
 ORDER BY q.number DESC LIMIT {MOST_QUESTIONS})
UNION ALL
(SELECT 'decision', id::text, decided_by, NULL, left(decision, {LONGEST_TEXT}),
        left(rationale, {LONGEST_TEXT}), NULL
 FROM sessions_app_decision WHERE coordination_id = (SELECT id FROM room)
 ORDER BY number DESC LIMIT {MOST_DECISIONS})
UNION ALL
(SELECT 'entry', id::text, updated_by, NULL, left(key, {LONGEST_TEXT}),
        left(value, {LONGEST_TEXT}), NULL
 FROM sessions_app_contextentry WHERE coordination_id = (SELECT id FROM room)
 ORDER BY version DESC LIMIT {MOST_ENTRIES})
"""


def ask_talk(wanted: Wanted) -> statements.Asked:
    return _TALK, {"session": wanted.session_id, "agent": wanted.agent_id}


def talk_of(rows: Rows) -> Talk:
    """What the agents of the session asked, decided and shared."""
    talk = Talk()
    for kind, key, by, to, text, more, more_by in rows:
        if kind == "question":
            talk.questions.append(Asked(key, by, to, text, more, more_by))
        elif kind == "decision":
            talk.decisions.append(Decided(key, by, text, more))
        else:
            talk.entries.append(Shared(key, by, text, more))
    return talk
