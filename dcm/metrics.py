"""The figures of the metrics channel. Contract: websocket 10."""

import asyncio
import logging
import time
from datetime import timedelta
from typing import Any

from django.db.models import Avg, Count, F, Q
from django.utils import timezone

from dcm.lib.errors import outliving
from dcm.lib.threads import in_thread
from messaging.models import Message
from projects.models import Action, Subtask, Task
from realtime.channel_names import METRICS
from realtime.fanout import hub
from realtime.unlogged import Passing, snapshots, tell
from sessions_app.models import Session

logger = logging.getLogger("dcm.metrics")

EVENT = "metric.update"
EVERY_SECONDS = 5.0


def figures() -> dict[str, Any]:
    now = timezone.now()
    hour = now - timedelta(hours=1)
    tasks = Task.objects.aggregate(
        pending=Count("id", filter=Q(status=Task.Status.PENDING)),
        running=Count("id", filter=Q(status=Task.Status.RUNNING)),
        completed=Count("id", filter=Q(status=Task.Status.COMPLETED, completed_at__gte=hour)),
        duration=Avg(F("completed_at") - F("created_at"), filter=Q(completed_at__isnull=False)),
    )
    at_work = Subtask.objects.filter(status=Subtask.Status.RUNNING, agent_id__isnull=False)
    recent = Action.objects.filter(created_at__gte=now - timedelta(minutes=5))
    return {
        "active_sessions": Session.objects.filter(ended_at__isnull=True).count(),
        "active_agents": at_work.values("agent_id").distinct().count(),
        "pending_tasks": tasks["pending"],
        "running_tasks": tasks["running"],
        "completed_tasks_last_hour": tasks["completed"],
        "messages_last_hour": Message.objects.filter(created_at__gte=hour).count(),
        "actions_per_minute": recent.count() / 5,
        "avg_task_duration_ms": (tasks["duration"] or timedelta()) / timedelta(milliseconds=1),
        "timestamp": int(now.timestamp() * 1000),
    }


snapshots[METRICS] = lambda: (EVENT, figures())


async def tell_for_ever() -> None:
    """Every five seconds, by one of the processes that have somebody to tell."""
    while True:
        await asyncio.sleep(EVERY_SECONDS - time.time() % EVERY_SECONDS)
        heard_at = hub.passed.get(METRICS, float("-inf"))
        if METRICS not in hub.channels or time.monotonic() - heard_at < EVERY_SECONDS / 2:
            continue
        with outliving(logger, "the figures could not be told"):
            await in_thread(_tell)


def _tell() -> None:
    tell(Passing(METRICS, EVENT, figures()))
