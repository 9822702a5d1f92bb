"""What an agent gets back after its host compacted the conversation. Contract: context-briefs 8.

A compaction is one row from its beginning (the host's PreCompact) over its end (PostCompact) to the
restores. Hosts may tell any of these late, twice or not at all.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from dcm.lib import wire
from messaging.models import CONTEXT_GENERATED, Message
from messaging.services.messages import send_message
from sessions_app.briefs import Brief, generate_brief
from sessions_app.briefs.news import here
from sessions_app.briefs.snapshot import snapshot_of
from sessions_app.models import Compaction, Session

T = TypeVar("T")

logger = logging.getLogger("dcm.compact")

SENDER = "context-manager"
NOTICE_TTL_SECONDS = 3600
HISTORY_LIMIT = 15
RETRY = timedelta(minutes=10)
"""Within it, a second restore without a summary is the same one, sent again."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """session_compacted: whether the session is known, so that it is noted as compacted.

    content: the brief and, below it, the whole summary, which counts towards no budget.
    """

    brief: Brief
    content: str
    session_compacted: bool
    restored_at: datetime


@transaction.atomic
def begin_compaction(
    *, session_id: str, agent_id: str, agent_type: str | None = None, trigger: str | None = None
) -> Compaction:
    """Keep how things stand; told again before it ended, it replaces what was kept."""
    _take_turn(session_id)
    newest = Compaction.objects.newest_of(session_id, agent_id)
    if newest is None or not newest.is_open:
        return _new(session_id, agent_id, agent_type, trigger)
    newest.snapshot = snapshot_of(session_id, agent_id, agent_type)
    newest.position = here()
    newest.save(update_fields=["snapshot", "position"])
    return newest


@transaction.atomic
def end_compaction(
    *,
    session_id: str,
    agent_id: str,
    agent_type: str | None = None,
    summary: str | None = None,
    at: datetime | None = None,
) -> Compaction:
    """The host has shortened the agent's memory. summary: what it kept, in its words."""
    _take_turn(session_id)
    newest = Compaction.objects.newest_of(session_id, agent_id)
    if newest is None or newest.restored_at is not None:
        newest = _new(session_id, agent_id, agent_type)
    at = at or timezone.now()
    newest.compacted_at = newest.compacted_at or at
    newest.summary = summary or newest.summary
    newest.save(update_fields=["compacted_at", "summary"])
    mark_compacted(session_id=session_id, agent_id=agent_id, summary=newest.summary, at=at)
    return newest


def restore_context(
    *,
    session_id: str,
    agent_id: str,
    agent_type: str | None = None,
    compact_summary: str | None = None,
    max_tokens: int = 2000,
) -> Restored:
    """Note the compaction, and tell the agent what it should know.

    Sent again, it notes nothing new and tells the same. Publishes message.new for the notice to the
    agent. Neither the note nor the notice may cost the agent its brief: what the database refuses
    of them is logged.
    """
    now = timezone.now()
    noted = _best_effort(
        lambda: _note_restore(session_id, agent_id, agent_type, compact_summary, now)
    )
    compaction = noted.compaction if noted else None
    brief = generate_brief(
        agent_id=agent_id,
        session_id=session_id,
        agent_type=agent_type,
        max_tokens=max_tokens,
        history_limit=HISTORY_LIMIT,
        snapshot=compaction.snapshot if compaction else None,
    )
    if noted is None or noted.is_first:
        _best_effort(lambda: _notify(brief))
    summary = compact_summary or (compaction.summary if compaction else None)
    return Restored(
        brief=brief,
        content=brief.content + _earlier(summary),
        session_compacted=bool(noted and noted.is_known),
        restored_at=now,
    )


# --- the row ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Noted:
    """is_first: this compaction was not restored before. is_known: the session is there."""

    compaction: Compaction
    is_first: bool
    is_known: bool


def _note_restore(
    session_id: str, agent_id: str, agent_type: str | None, summary: str | None, now: datetime
) -> _Noted:
    _take_turn(session_id)
    newest = Compaction.objects.newest_of(session_id, agent_id)
    if newest is None or _is_another(newest, summary, now):
        newest = _new(session_id, agent_id, agent_type)
    is_first = newest.restored_at is None
    newest.compacted_at = newest.compacted_at or now
    newest.summary = summary or newest.summary
    newest.restored_at = now
    newest.restores += 1
    newest.save(update_fields=["compacted_at", "summary", "restored_at", "restores"])
    marked = mark_compacted(
        session_id=session_id, agent_id=agent_id, summary=newest.summary, at=now
    )
    is_known = marked or Session.objects.filter(id=session_id).exists()
    return _Noted(compaction=newest, is_first=is_first, is_known=is_known)


def _is_another(newest: Compaction, summary: str | None, now: datetime) -> bool:
    """Whether the restore is about a later compaction, whose beginning nobody told."""
    if newest.restored_at is None:
        return False
    if summary:
        return summary != newest.summary
    return now - newest.restored_at > RETRY


def _new(
    session_id: str, agent_id: str, agent_type: str | None, trigger: str | None = None
) -> Compaction:
    of_session = Compaction.objects.filter(session_id=session_id).order_by("-number")
    last = of_session.values_list("number", flat=True).first()
    return Compaction.objects.create(
        session_id=session_id,
        number=(last or 0) + 1,
        agent_id=agent_id,
        trigger=trigger,
        position=here(),
        snapshot=snapshot_of(session_id, agent_id, agent_type),
    )


def _take_turn(session_id: str) -> None:
    """Until the commit nobody else numbers or restores compactions of this session.

    A lock by name: the session may have no row.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [session_id])


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


def _notify(brief: Brief) -> None:
    send_message(
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


def _best_effort(step: Callable[[], T]) -> T | None:
    try:
        with transaction.atomic():
            return step()
    except DatabaseError:
        logger.warning("a step of the restore failed", exc_info=True)
        return None
