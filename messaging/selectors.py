"""Reads that count. Contract: rest 5.1."""

from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from messaging.models import Block, Message


def message_counts() -> dict[str, Any]:
    """{"total", "expired", "unread", "byTopic"}; unread: read by nobody, expired: not yet swept."""
    figures = Message.objects.aggregate(
        total=Count("id"),
        expired=Count("id", filter=Q(expires_at__lte=timezone.now())),
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
