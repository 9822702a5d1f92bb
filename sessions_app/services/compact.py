"""What an agent gets back after its host compacted the conversation. Contract: context-briefs 8."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from dcm.lib import wire
from messaging.models import CONTEXT_GENERATED, Message
from messaging.services.messages import send_message
from sessions_app.briefs import Brief, generate_brief

logger = logging.getLogger("dcm.compact")

SENDER = "context-manager"
NOTICE_TTL_SECONDS = 3600
HISTORY_LIMIT = 15


@dataclass(frozen=True, kw_only=True)
class Restored:
    """session_compacted: whether the session had requests to note it in.

    content: the brief and, below it, the whole summary, which counts towards no budget.
    """

    brief: Brief
    content: str
    session_compacted: bool
    restored_at: datetime


def restore_context(
    *,
    session_id: str,
    agent_id: str,
    agent_type: str | None = None,
    compact_summary: str | None = None,
    max_tokens: int = 2000,
) -> Restored:
    """Note the compaction, and tell the agent what it should know.

    Publishes message.new for the notice to the agent. Neither the note nor the notice may cost the
    agent its brief: what the database refuses of them is logged.
    """
    now = timezone.now()
    noted = _best_effort(
        lambda: mark_compacted(
            session_id=session_id, agent_id=agent_id, summary=compact_summary, at=now
        )
    )
    brief = generate_brief(
        agent_id=agent_id,
        session_id=session_id,
        agent_type=agent_type,
        max_tokens=max_tokens,
        history_limit=HISTORY_LIMIT,
    )
    _best_effort(lambda: _notify(brief))
    return Restored(
        brief=brief,
        content=brief.content + _earlier(compact_summary),
        session_compacted=bool(noted),
        restored_at=now,
    )


# In the order of their ids, so that two compactions of one session cannot deadlock.
_MARK = """
WITH mine AS (
  SELECT id FROM projects_request WHERE session_id = %(session_id)s
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE projects_request r SET metadata = r.metadata || %(marker)s::jsonb
FROM mine WHERE r.id = mine.id
"""


def mark_compacted(*, session_id: str, agent_id: str, summary: str | None, at: datetime) -> bool:
    """Note in all requests of the session that it was compacted; false when it has none."""
    marker = {"compacted_at": at, "compact_summary": summary, "compact_agent": agent_id}
    with connection.cursor() as cursor:
        cursor.execute(_MARK, {"session_id": session_id, "marker": wire.dump(marker).decode()})
        return bool(cursor.rowcount)


def _notify(brief: Brief) -> Message:
    return send_message(
        from_agent=SENDER,
        to_agent=brief.agent_id,
        topic=CONTEXT_GENERATED,
        priority=Message.HIGH_PRIORITY,
        ttl_seconds=NOTICE_TTL_SECONDS,
        content={
            "session_id": brief.session_id,
            "agent_id": brief.agent_id,
            "brief_id": str(brief.id),
            "token_count": brief.token_count,
            "truncated": brief.truncated,
            "sources_count": len(brief.sources),
        },
    )


def _earlier(summary: str | None) -> str:
    return f"\n\n---\n\n## Before the compaction\n\n{summary}\n" if summary else ""


def _best_effort(step: Callable[[], object]) -> object:
    try:
        with transaction.atomic():
            return step()
    except DatabaseError:
        logger.warning("a step of the restore failed", exc_info=True)
        return None
