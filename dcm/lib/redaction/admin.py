from django.contrib import admin

from dcm.lib.admin import RowAdmin
from dcm.lib.redaction.models import RedactionCount


@admin.register(RedactionCount)
class RedactionCountAdmin(RowAdmin):
    """Counted by the server: view only."""

    columns = ("kind", "count")
    sortable = ("count",)
    ordering = ("kind",)
