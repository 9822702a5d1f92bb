from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest

from dcm.lib.admin import RowAdmin
from dcm.lib.admin.changes import Row, Rows
from dcm.lib.keys.models import ApiKey
from dcm.lib.keys.services import revoke_key


@admin.register(ApiKey)
class ApiKeyAdmin(RowAdmin):
    """Keys are made by `manage.py apikey create`, which shows them; here they can be revoked."""

    columns = ("id", "name", "scope", "created_at", "last_used_at", "expires_at", "revoked_at")
    sortable = ("created_at",)
    ordering = ("-created_at", "id")
    list_filter = ("scope",)
    search_fields = ("id", "name")
    hidden = ("digest",)
    notes_itself = True
    actions = (*RowAdmin.actions, "revoke")

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, rows: Rows) -> None:
        def revoke_one(row: Row) -> None:
            revoke_key(row.pk, by=f"admin {request.user.get_username()}")

        self.apply(request, rows, revoke_one, "revoked")


@admin.register(LogEntry)
class LogEntryAdmin(RowAdmin):
    """What people changed in the admin: view only."""

    columns = ("id", "action_time", "user", "content_type", "object_id", "change_message")
    ordering = ("-id",)
    search_fields = ("object_id", "object_repr", "change_message")
