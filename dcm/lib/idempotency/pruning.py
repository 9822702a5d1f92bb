from datetime import timedelta

from django.db.models.functions import Now

from dcm.lib.idempotency.models import StoredReply
from dcm.lib.pruning import of_rows

KEPT = timedelta(hours=24)

STORED_REPLIES = of_rows(
    "stored replies", lambda: StoredReply.objects.filter(created_at__lt=Now() - KEPT)
)
