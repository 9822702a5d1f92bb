from django.contrib import admin

from dcm.lib.admin import RowAdmin
from routing.models import KeywordToolScore


@admin.register(KeywordToolScore)
class KeywordToolScoreAdmin(RowAdmin):
    """What was learned: view only."""

    columns = (
        "keyword",
        "tool_name",
        "tool_type",
        "score",
        "usage_count",
        "success_count",
        "last_used",
    )
    sortable = ("keyword",)
    ordering = ("keyword", "tool_name")
    search_fields = ("keyword", "tool_name")
