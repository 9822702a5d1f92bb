"""Who there is, and what one of them has before it. Presence itself: sessions_app.agents."""

from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Left

from dcm.dashboard.selectors.messages import in_short
from dcm.dashboard.selectors.rows import rows
from messaging.models import Block, Message

MOST_BLOCKS = 100
MOST_MESSAGES = 30
EXCERPT = 300


def blocks(agent_id: str | None = None) -> list[Block]:
    """Oldest first; of an agent those that ask it to wait, and those that it asked for."""
    found = Block.objects.defer("reason").annotate(why=Left("reason", EXCERPT))
    if agent_id is not None:
        found = found.filter(Q(blocked_agent=agent_id) | Q(blocked_by=agent_id))
    return list(found.order_by("created_at", "id")[:MOST_BLOCKS])


def inbox(agent_id: str) -> QuerySet[Message]:
    """As the agent would read it."""
    return in_short(Message.objects.inbox_of(agent_id))[:MOST_MESSAGES]


_WORK = """
SELECT s.id, s.status, left(s.description, %(excerpt)s) AS description, s.created_at, s.started_at,
       s.completed_at, t.wave_number, r.session_id, r.project_id, r.id AS request_id
FROM projects_subtask s JOIN projects_task t ON t.id = s.task_id
JOIN projects_request r ON r.id = t.request_id
WHERE s.agent_id = %(agent_id)s ORDER BY s.created_at DESC LIMIT 25
"""


def work(agent_id: str) -> list[dict[str, Any]]:
    """Its subtasks, newest first."""
    return rows(_WORK, agent_id=agent_id, excerpt=EXCERPT)


_CALLS = """
SELECT a.id, left(a.tool_name, 80) AS tool, a.exit_code, a.duration_ms, a.created_at, a.session_id
FROM (SELECT id FROM projects_subtask WHERE agent_id = %(agent_id)s
      ORDER BY created_at DESC LIMIT 25) s
CROSS JOIN LATERAL (SELECT * FROM projects_action WHERE subtask_id = s.id
                    ORDER BY created_at DESC LIMIT 20) a
ORDER BY a.created_at DESC LIMIT 20
"""


def calls(agent_id: str) -> list[dict[str, Any]]:
    """Its newest tool calls."""
    return rows(_CALLS, agent_id=agent_id)
