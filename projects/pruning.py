from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from dcm.lib.pruning import of_rows
from projects.models import Action


def _stale() -> "QuerySet[Action]":
    days = settings.ACTION_RETENTION_DAYS
    if not days:
        return Action.objects.none()
    return Action.objects.filter(created_at__lt=timezone.now() - timedelta(days=days))


OLD_ACTIONS = of_rows("actions", _stale)
"""Actions older than ACTION_RETENTION_DAYS; none when that is 0. What they taught stays."""
