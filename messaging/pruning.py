from datetime import timedelta

from django.db.models.functions import Now

from dcm.lib.pruning import Pruning, of_rows
from messaging.models import Agent, Correspondence, Delivery, Message
from messaging.services.messages import expire_messages
from messaging.services.registry import end_lost, lost_agents, note_silence, silent_agents

KEPT = timedelta(days=7)
LONGEST_PAUSE = timedelta(days=90)

EXPIRED_MESSAGES = Pruning(
    "messages",
    lambda: Message.objects.filter(expires_at__lte=Now()).count(),
    expire_messages,
)
"""Publishes message.expired for each."""

SILENT_AGENTS = Pruning("silent agents", lambda: silent_agents().count(), note_silence)
"""They are called stale. Publishes agent.state for each."""

LOST_AGENTS = Pruning("lost agents", lambda: lost_agents().count(), end_lost)
"""They are called ended. Publishes agent.state for each."""

ENDED_AGENTS = of_rows(
    "ended agents",
    lambda: Agent.objects.filter(state=Agent.State.ENDED, seen_at__lt=Now() - KEPT),
)

OLD_DELIVERIES = of_rows(
    "deliveries",
    lambda: Delivery.objects.filter(queued_at__lt=Now() - KEPT, expires_at__lt=Now()),
)

OLD_CORRESPONDENCES = of_rows(
    "correspondences",
    lambda: Correspondence.objects.filter(used_at__lt=Now() - LONGEST_PAUSE),
)
"""Their numbers begin anew."""
