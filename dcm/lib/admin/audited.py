"""What is done in the admin goes into the record of administrative acts, too."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from dcm.lib.audit.services import note

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class Audited(ModelAdmin):
    """notes_itself: the services of this model record what they do."""

    notes_itself: ClassVar[bool] = False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._note("add", request, obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._note("change", request, obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            self._note("delete", request, row, "")
        return super().log_deletions(request, queryset)

    def _note(self, what: str, request: HttpRequest, row: Any, message: Any) -> None:
        if not self.notes_itself:
            note(
                f"admin.{what}",
                by=f"admin {request.user.get_username()}",
                about=f"{row._meta.label_lower} {row.pk}",
                message=message,
            )
