from datetime import timedelta

from django.db.models.functions import Now

from dcm.lib.pruning import Pruning, of_rows
from sessions_app.models import Compaction, CoordinatedAgent, ToolStart
from sessions_app.services.coordinator import GRACE, leave_absent_agents

LONGEST_CALL = timedelta(days=1)
LONGEST_MEMORY = timedelta(days=90)

ABSENT_AGENTS = Pruning(
    "agents",
    lambda: CoordinatedAgent.objects.silent_for(GRACE).count(),
    leave_absent_agents,
)
"""Publishes agent.left for each."""

TOOL_STARTS = of_rows(
    "tool starts",
    lambda: ToolStart.objects.filter(started_at__lt=Now() - LONGEST_CALL),
)
"""Of calls whose end was never told."""

OLD_COMPACTIONS = of_rows(
    "compactions",
    lambda: Compaction.objects.filter(begun_at__lt=Now() - LONGEST_MEMORY),
)
