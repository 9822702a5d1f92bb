from django.contrib import admin

from dcm.lib.admin import RowAdmin
from routing.models import KeywordToolScore, ProjectToolScore

_FIGURES = (
    "keyword",
    "tool_name",
    "tool_type",
    "score",
    "usage_count",
    "success_count",
    "last_used",
)


@admin.register(KeywordToolScore)
class KeywordToolScoreAdmin(RowAdmin):
    """What was learned: view only."""

    columns = _FIGURES
    sortable = ("keyword",)
    ordering = ("keyword", "tool_name")
    search_fields = ("keyword", "tool_name")


@admin.register(ProjectToolScore)
class ProjectToolScoreAdmin(RowAdmin):
    """What was learned in one project: view only."""

    columns = ("project_id", *_FIGURES)
    ordering = ("project_id", "keyword", "tool_name")
    search_fields = ("keyword", "tool_name")
