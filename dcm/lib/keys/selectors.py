from django.db.models import Q, QuerySet
from django.utils import timezone

from dcm.lib.keys.models import ApiKey


def usable_keys() -> QuerySet[ApiKey]:
    """Keys that open something today."""
    lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.filter(lasting, revoked_at__isnull=True)
