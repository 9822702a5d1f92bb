"""What people may do with rows: every change is a call of a service, and exports are for all."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from dcm.lib.admin import export
from dcm.lib.admin.audited import Audited
from dcm.lib.admin.text import Title, disarmed, inert
from dcm.lib.errors import DomainError

MOST_AT_ONCE = 1_000
"""Rows that one action changes."""

Row = Any
Rows = models.QuerySet[Any]


class ServiceAdmin(Audited):
    """A subclass that may change rows says by which service.

    editable: given to `change`. along: what is deleted with a row.
    """

    editable: ClassVar[Sequence[str]] = ()
    along: ClassVar[str] = ""
    actions: Sequence[str] = ("export_as_jsonl", "export_as_csv")

    # --- who may ------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row = None) -> bool:
        needs = (getattr(getattr(self, name), "allowed_permissions", ()) for name in self.actions)
        changes = bool(self.editable) or any("change" in each for each in needs)
        return changes and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Row = None) -> bool:
        return type(self).remove is not ServiceAdmin.remove and super().has_delete_permission(
            request, obj
        )

    # --- changes, all of them by services -----------------------------------------------------

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._or_say_why(request, partial(super().changeform_view, request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._or_say_why(request, partial(super().delete_view, request, *args, **kwargs))

    def save_model(self, request: HttpRequest, obj: Row, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            self.change(obj, **changes)

    def change(self, row: Row, **changes: Any) -> object:
        """Call the service with what was given anew of `editable`."""
        raise NotImplementedError

    def remove(self, row: Row) -> object:
        """Call the service that deletes the row."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Row) -> None:
        self.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Rows) -> None:
        for row in self._one_by_one(list(queryset.values_list("pk", flat=True))):
            self.remove(row)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        return super().response_delete(request, inert(obj_display), obj_id)

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """The rows themselves. What goes along may be a million more, so it is only named."""
        rows: list[str] = [Title.of(row) for row in objs]
        along = [f"with {self.along}"] if self.along else []
        return [*rows, *along], {self._nouns: len(rows)}, set(), []

    def apply(
        self, request: HttpRequest, rows: Rows, service: Callable[[Row], object], done: str
    ) -> None:
        """Call the service for each row; say and log what was done."""
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        if len(keys) > MOST_AT_ONCE:
            text = f"At most {MOST_AT_ONCE} rows at once: nothing was changed."
            self.message_user(request, text, messages.ERROR)
            return
        changed = 0
        for row in self._one_by_one(keys):
            try:
                service(row)
            except DomainError as error:
                self.message_user(request, f"{Title.of(row)}: {error.text}", messages.ERROR)
            else:
                changed += 1
                self.log_change(request, row, done)
        if changed:
            noun = self.model._meta.verbose_name if changed == 1 else self._nouns
            self.message_user(request, f"{changed} {noun} {done}", messages.SUCCESS)

    def show_texts(
        self, request: HttpRequest, title: str, texts: Iterable[tuple[str, str]]
    ) -> HttpResponse:
        """A page with these, each below its name: what an action has to say."""
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": title,
            "texts": [(inert(name), disarmed(text)) for name, text in texts],
        }
        return TemplateResponse(request, "admin/texts.html", shown)

    @admin.action(description="Export as JSON Lines", permissions=["view"])
    def export_as_jsonl(self, request: HttpRequest, rows: Rows) -> HttpResponseBase:
        return export.as_jsonl(rows)

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_as_csv(self, request: HttpRequest, rows: Rows) -> HttpResponseBase:
        return export.as_csv(rows)

    def _one_by_one(self, keys: Iterable[object]) -> Iterator[Row]:
        for key in keys:
            if (row := self.model._default_manager.filter(pk=key).first()) is not None:
                yield row

    def _or_say_why(self, request: HttpRequest, show: Callable[[], Any]) -> Any:
        try:
            return show()
        except DomainError as error:
            self.message_user(request, error.text, messages.ERROR)
            options = self.model._meta
            return HttpResponseRedirect(
                reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
            )

    @property
    def _nouns(self) -> str:
        return str(self.model._meta.verbose_name_plural)
