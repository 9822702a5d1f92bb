from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dcm.lib.admin import RowAdmin
from realtime.events import event_types
from realtime.models import Acknowledged, EventHead, LoggedEvent
from realtime.services import announce_again


class TypeFilter(admin.SimpleListFilter):
    """Of the catalogue: asking the log which types it has would read all of it."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(event_types())]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LoggedEvent]
    ) -> QuerySet[LoggedEvent]:
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(LoggedEvent)
class LoggedEventAdmin(RowAdmin):
    """History: it does not change, but can be told again."""

    columns = ("seq", "type", "channels", "data", "publisher", "created_at")
    sortable = ("seq",)
    ordering = ("-seq",)
    list_filter = (TypeFilter, "created_at")
    search_fields = ("type", "publisher")
    actions = (*RowAdmin.actions, "announce_again")

    @admin.action(description="Announce again", permissions=["change"])
    def announce_again(self, request: HttpRequest, rows: QuerySet[LoggedEvent]) -> None:
        self.apply(request, rows, announce_again, "announced again")


@admin.register(EventHead)
class EventHeadAdmin(RowAdmin):
    """Where the log is: view only."""

    columns = ("id", "epoch", "seq")
    ordering = ("id",)


@admin.register(Acknowledged)
class AcknowledgedAdmin(RowAdmin):
    """What agents have: view only."""

    columns = ("agent_id", "epoch", "upto", "beyond", "updated_at")
    sortable = ("updated_at",)
    ordering = ("-updated_at", "agent_id")
    search_fields = ("agent_id",)
