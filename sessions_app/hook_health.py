"""What the hooks themselves are like: how long they took, and what they did not tell.

Nothing is made up: what nobody measured is None.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import Any

from django.utils import timezone

from dcm.lib import measures
from dcm.lib.measures import Histogram
from messaging.models import Agent
from sessions_app.hook_events import HookEvent
from sessions_app.models import ToolStart

SECONDS = (
    *(0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05),
    *(0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
)
NAMES = frozenset(
    (
        *("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure"),
        *("SubagentStart", "SubagentStop", "TaskCreated", "TaskCompleted", "TeammateIdle"),
        *("Notification", "PreCompact", "PostCompact", "Stop", "StopFailure", "SessionEnd"),
    )
)
LONG_CALL = timedelta(minutes=10)
MOST_SESSIONS = 20


def note_hook(event: HookEvent, seconds: float) -> None:
    """It was answered after so long."""
    name = event.name if event.name in NAMES else "other"
    measures.hooks.setdefault(name, Histogram(SECONDS)).note(seconds)
    if event.is_spooled or event.is_late:
        measures.hook_troubles["late"] += 1
    took_ms = event.courier.get("took_ms")
    if isinstance(took_ms, int) and not isinstance(took_ms, bool) and 0 <= took_ms < 3_600_000:
        measures.hook_clients.setdefault(name, Histogram(SECONDS)).note(took_ms / 1000)


def quantile_ms(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """At most so long took this share: the bound above it. None for none, or beyond all bounds."""
    total = sum(counts)
    if not total:
        return None
    for bound, so_far in zip(bounds, accumulate(counts), strict=False):
        if so_far >= share * total:
            return round(bound * 1000, 3)
    return None


def calls_without_end() -> Mapping[str, Any]:
    """{"count", "oldest_at"}: calls that began ten minutes ago or more, and whose end is not told.

    They may run still. After a day they are forgotten.
    """
    rows = ToolStart.objects.filter(started_at__lt=timezone.now() - LONG_CALL)
    oldest = rows.order_by("started_at").values_list("started_at", flat=True).first()
    return {"count": rows.count(), "oldest_at": oldest}


def last_events() -> Sequence[Mapping[str, Any]]:
    """Of each session that was heard of lately when that was, newest first.

    seen_at: ten seconds more or less. skew_ms: by how much its clock is behind; None: not told.
    """
    found: dict[str, Agent] = {}
    for agent in Agent.objects.order_by("-seen_at")[: 10 * MOST_SESSIONS]:
        newest = found.setdefault(agent.session_id, agent)
        newest.skew_ms = agent.skew_ms if newest.skew_ms is None else newest.skew_ms
        newest.machine = newest.machine or agent.machine
    return [
        {
            "session_id": each.session_id,
            "seen_at": each.seen_at,
            "state": each.state,
            "machine": each.machine,
            "skew_ms": each.skew_ms,
        }
        for each in [*found.values()][:MOST_SESSIONS]
    ]
