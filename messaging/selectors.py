"""Reads that are more than rows. Contract: rest 5.1, 5.12."""

import uuid
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import Now

from messaging.models import Block, Delivery, Message
from messaging.services.reading import MessageNotFound


def message_counts() -> dict[str, Any]:
    """{"total", "expired", "unread", "byTopic"}; unread: read by nobody, expired: not yet swept."""
    figures = Message.objects.aggregate(
        total=Count("id"),
        expired=Count("id", filter=Q(expires_at__lte=Now())),
        unread=Count("id", filter=Q(read_by=[])),
    )
    topics = Message.objects.filter(topic__isnull=False).values("topic")
    counted = topics.annotate(count=Count("id")).order_by("-count", "topic")
    return {**figures, "byTopic": {row["topic"]: row["count"] for row in counted}}


def block_summary(agent_id: str) -> dict[str, Any]:
    """Who blocks this agent and whom it blocks, newest first. Contract: rest 5.12."""
    against = Block.objects.against(agent_id)
    by = Block.objects.filter(blocked_by=agent_id).order_by("-created_at", "id")
    blocked_by = [
        {"id": b.id, "by_agent": b.blocked_by, "reason": b.reason, "since": b.created_at}
        for b in against
    ]
    blocking = [
        {"id": b.id, "agent": b.blocked_agent, "reason": b.reason, "since": b.created_at}
        for b in by
    ]
    return {
        "agent_id": agent_id,
        "is_blocked": bool(blocked_by),
        "blocked_by": blocked_by,
        "is_blocking": bool(blocking),
        "blocking": blocking,
        "summary": {"blocked_by_count": len(blocked_by), "blocking_count": len(blocking)},
    }


def delivery_of(message_id: uuid.UUID) -> Delivery:
    """Raises MessageNotFound, also for a broadcast, which is delivered to nobody in particular."""
    found = Delivery.objects.filter(message_id=message_id).first()
    if found is None:
        raise MessageNotFound
    return found


def sent_and_open(agent_id: str, limit: int) -> list[Delivery]:
    """What this agent sent that nobody has acknowledged and that lives still, newest first."""
    rows = Delivery.objects.filter(from_agent=agent_id, expires_at__gt=Now())
    rows = rows.exclude(state=Delivery.State.ACKNOWLEDGED)
    return list(rows.order_by("-queued_at", "message_id")[:limit])
