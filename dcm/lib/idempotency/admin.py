from django.contrib import admin

from dcm.lib.admin import RowAdmin
from dcm.lib.idempotency.models import StoredReply


@admin.register(StoredReply)
class StoredReplyAdmin(RowAdmin):
    """Kept for a while: view only."""

    columns = ("key", "status", "created_at")
    sortable = ("created_at",)
    ordering = ("-created_at", "key")
    search_fields = ("key",)
    hidden = ("fingerprint",)
