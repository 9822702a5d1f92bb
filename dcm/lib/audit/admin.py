from django.contrib import admin

from dcm.lib.admin import RowAdmin
from dcm.lib.audit.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(RowAdmin):
    """View only, for everybody."""

    columns = ("id", "at", "by", "act", "about")
    sortable = ("at",)
    ordering = ("-id",)
    search_fields = ("by", "act", "about")
