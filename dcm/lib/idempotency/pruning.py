from datetime import timedelta

from django.utils import timezone

from dcm.lib.idempotency.models import StoredReply
from dcm.lib.pruning import of_rows

KEPT = timedelta(hours=24)

STORED_REPLIES = of_rows(
    "stored replies", lambda: StoredReply.objects.filter(created_at__lt=timezone.now() - KEPT)
)
