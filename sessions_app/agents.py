"""Agents as people see them: who is there, at what, with how much unread. Beyond the contract."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Case, Count, Max, Min, Value, When
from django.utils import timezone

from messaging.models import Block
from projects.models import Action, Subtask
from realtime.models import Presence

RECENT = timedelta(hours=24)


def agents(agent_id: str | None = None) -> list[dict[str, Any]]:
    """Agents that are connected, or had work within 24 hours; those online first, then by id.

    last_seen_at: now when online, else of their newest action or change of work.
    """
    online = _online(agent_id)
    work = _work(agent_id)
    ids = sorted(online.keys() | work.keys(), key=lambda one: (one not in online, one))
    unread, blocked, acted = _unread(ids), _blocked(ids), _newest_actions(ids)
    return [
        {
            "agent_id": one,
            "agent_type": work[one].agent_type if one in work else None,
            "online": one in online,
            "connections": online[one]["connections"] if one in online else 0,
            "connected_since": online[one]["since"] if one in online else None,
            "last_seen_at": _last_seen(one in online, work.get(one), acted.get(one)),
            "current_subtask": _current(work.get(one)),
            "unread_count": unread.get(one, 0),
            "is_blocked": one in blocked,
        }
        for one in ids
    ]


def _online(agent_id: str | None) -> dict[str, dict[str, Any]]:
    rows = Presence.objects.filter(expires_at__gt=timezone.now())
    if agent_id is not None:
        rows = rows.filter(agent_id=agent_id)
    counted = rows.values("agent_id").annotate(
        connections=Count("client_id"), since=Min("connected_at")
    )
    return {row["agent_id"]: dict(row) for row in counted}


def _work(agent_id: str | None) -> dict[str, Subtask]:
    """Of each agent the subtask that counts: a running one, else an open one, else the newest."""
    subtasks = Subtask.objects.filter(agent_id__isnull=False)
    if agent_id is not None:
        subtasks = subtasks.filter(agent_id=agent_id)
    else:
        subtasks = subtasks.filter(created_at__gt=timezone.now() - RECENT)
    rank = Case(
        When(status=Subtask.Status.RUNNING, then=Value(0)),
        When(status__in=Subtask.AT_WORK, then=Value(1)),
        default=Value(2),
    )
    chosen = subtasks.order_by("agent_id", rank, "-created_at").distinct("agent_id")
    return {str(subtask.agent_id): subtask for subtask in chosen}


_UNREAD = """
SELECT agent.id, count(m.id)
FROM unnest(%s::text[]) AS agent(id)
JOIN messaging_message m ON (m.to_agent = agent.id OR m.to_agent IS NULL)
 AND (m.expires_at IS NULL OR m.expires_at > now()) AND NOT m.read_by @> ARRAY[agent.id]
GROUP BY agent.id
"""


def _unread(ids: Collection[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, [list(ids)])
        return dict(cursor.fetchall())


def _blocked(ids: Collection[str]) -> set[str]:
    return set(Block.objects.filter(blocked_agent__in=ids).values_list("blocked_agent", flat=True))


def _newest_actions(ids: Collection[str]) -> dict[str, datetime]:
    rows = Action.objects.filter(
        subtask__agent_id__in=ids, created_at__gt=timezone.now() - RECENT
    ).values("subtask__agent_id")
    return {str(row["subtask__agent_id"]): row["at"] for row in rows.annotate(at=Max("created_at"))}


def _last_seen(online: bool, work: Subtask | None, acted_at: datetime | None) -> datetime | None:
    if online:
        return timezone.now()
    moments = [acted_at]
    if work is not None:
        moments += [work.created_at, work.started_at, work.completed_at]
    return max((moment for moment in moments if moment is not None), default=None)


def _current(work: Subtask | None) -> dict[str, Any] | None:
    if work is None or work.status in Subtask.TERMINAL:
        return None
    return {
        "id": work.id,
        "description": work.description,
        "status": work.status,
        "started_at": work.started_at,
    }
