from django.contrib import admin

from dcm.imports.models import ImportedTable
from dcm.lib.admin import RowAdmin


@admin.register(ImportedTable)
class ImportedTableAdmin(RowAdmin):
    """Written by `manage.py import_dcm`: view only."""

    columns = ("id", "source", "table", "read", "copied", "known", "mended", "finished_at")
    ordering = ("id",)
    search_fields = ("source", "table")
