from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from dcm.lib.pruning import Pruning, of_rows
from projects.models import Action, Claim, Lease
from projects.services.claim_ends import expire_claims
from projects.services.leases import expire_leases


def _stale() -> "QuerySet[Action]":
    days = settings.ACTION_RETENTION_DAYS
    if not days:
        return Action.objects.none()
    return Action.objects.filter(created_at__lt=Now() - timedelta(days=days))


OLD_ACTIONS = of_rows("actions", _stale)
"""Actions older than ACTION_RETENTION_DAYS; none when that is 0. What they taught stays."""

ENDED_LEASES = Pruning(
    "leases", lambda: Lease.objects.filter(expires_at__lte=Now()).count(), expire_leases
)
"""Publishes lease.expired for each."""

LOST_CLAIMS = Pruning(
    "claims", lambda: Claim.objects.filter(expires_at__lte=Now()).count(), expire_claims
)
"""Of agents that were not heard of for long. Publishes claim.expired for each."""
