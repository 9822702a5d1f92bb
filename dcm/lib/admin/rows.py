"""The admin of a model whose rows belong to services."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.postgres.fields import ArrayField
from django.db import OperationalError, models
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from psycopg.errors import QueryCanceled

from dcm.lib import wire
from dcm.lib.admin.changes import Row, Rows, ServiceAdmin
from dcm.lib.admin.links import Down, Up, link_up
from dcm.lib.admin.lists import MOST_BELOW, CountUpTo, LargePaginator, RowList, beginning
from dcm.lib.admin.text import ON_PAGES, Title, inert
from dcm.lib.admin.trail import trail

TOO_SLOW = "That took too long: look for an id, or narrow it down with a filter."

Cell = Callable[[Row], object]


class RowAdmin(ServiceAdmin):
    """Shows rows with links up and down, beside what a ServiceAdmin does.

    columns: of the list, the first links to the row. up: columns that name other rows. sortable:
    columns with an index for it. hidden: never shown.
    """

    columns: ClassVar[Sequence[str]] = ()
    up: ClassVar[Mapping[str, Up]] = {}
    sortable: ClassVar[Sequence[str]] = ()
    hidden: ClassVar[Sequence[str]] = ()

    paginator = LargePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_max_show_all = 100

    # --- lists --------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[RowList]:
        return RowList

    def with_cells(self, rows: Rows) -> Rows:
        """These rows with no more than the cells of a list show."""
        whole, shown = {self.model._meta.pk.name}, dict[str, Any]()
        for name in self.columns:
            if (up := self.up.get(name)) and up.text:
                shown[f"cell_{name}"] = beginning(up.text)
            if self._is_long(name):
                shown[f"cell_{name}"] = beginning(name)
            else:
                whole.add(name)
        for down in self._downs():
            rows_below = down.child._default_manager.filter(**{down.column: models.OuterRef("pk")})
            shown[down.name] = CountUpTo(rows_below)
        cells: Rows = rows.only(*whole).annotate(**shown)
        return cells

    def get_list_display(self, request: HttpRequest) -> Any:
        return [
            *(self._cell(name) for name in self.columns),
            *(self._count_cell(down) for down in self._downs()),
        ]

    def action_checkbox(self, obj: Row) -> SafeString:
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME,
            str(obj.pk),
            f"Select {inert(obj.pk)}",
        )

    def get_search_results(
        self, request: HttpRequest, queryset: Rows, search_term: str
    ) -> tuple[Rows, bool]:
        """An id finds the row, and those that name it; other text is looked for in texts."""
        if (found := wire.parse_uuid(search_term.strip())) is None:
            return super().get_search_results(request, queryset, search_term)
        named = Q(pk__in=[])
        for field in self.model._meta.concrete_fields:
            if field.name in self.search_fields:
                named |= Q(**{field.name: str(found)})
            elif isinstance(field.target_field if field.is_relation else field, models.UUIDField):
                named |= Q(**{field.attname: found})
        return queryset.filter(named), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if any("\0" in value for _, values in request.GET.lists() for value in values):
            return HttpResponseRedirect(request.path)
        try:
            return super().changelist_view(
                request, {"title": self._heading, **(extra_context or {})}
            )
        except OperationalError as error:
            if not (request.GET and isinstance(error.__cause__, QueryCanceled)):
                raise
            self.message_user(request, TOO_SLOW, messages.WARNING)
            return HttpResponseRedirect(request.path)

    # --- pages --------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Row = None) -> Any:
        may_edit = self.has_change_permission(request, obj)
        fields = [
            field.name if may_edit and field.name in self.editable else self._page_cells[field.name]
            for field in self.model._meta.concrete_fields
            if field.name not in self.hidden
        ]
        below = [(None, {"fields": [self._below]})] if self._downs() else []
        return [(None, {"fields": fields}), *below]

    def get_readonly_fields(self, request: HttpRequest, obj: Row = None) -> Any:
        fields = [
            name for _, options in self.get_fieldsets(request, obj) for name in options["fields"]
        ]
        return [field for field in fields if callable(field)]

    def get_form(
        self, request: HttpRequest, obj: Row = None, change: bool = False, **kwargs: Any
    ) -> Any:
        may_edit = self.has_change_permission(request, obj)
        return super().get_form(
            request, obj, change, **{**kwargs, "fields": self.editable if may_edit else []}
        )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.null:
            field.required = False
        return field

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if not self.editable:
            context |= {"show_save": False, "show_save_and_continue": False}
        response: Any = super().render_change_form(request, context, *args, **kwargs)
        row = response.context_data["original"]
        title = Title.of(row)
        noun = capfirst(str(self.model._meta.verbose_name))
        response.context_data |= {"original": title, "subtitle": title, "title": noun}
        response.context_data["trail"] = trail(row, self.admin_site._registry)
        return response

    def history_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().history_view(request, *args, **kwargs)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            title = Title.of(response.context_data["object"])
            response.context_data |= {"object": title, "title": f"Change history: {title}"}
        return response

    def render_delete_form(self, request: HttpRequest, context: Any) -> Any:
        context |= {"object": Title.of(context["object"]), "subtitle": None}
        return super().render_delete_form(request, context)

    @property
    def _heading(self) -> str:
        return capfirst(self._nouns)

    # --- cells --------------------------------------------------------------------------------

    def _is_long(self, name: str) -> bool:
        """Whether a list fetches its beginning only. What has an index or choices is short."""
        field = self.model._meta.get_field(name)
        is_text = isinstance(field, models.TextField) and not field.choices
        long = is_text or isinstance(field, models.JSONField | ArrayField)
        return long and not field.primary_key and name not in self.up

    def _downs(self) -> list[Down]:
        label = self.model._meta.label_lower
        return [
            Down(child, column)
            for child, its_admin in self.admin_site._registry.items()
            if isinstance(its_admin, RowAdmin)
            for column, up in its_admin.up.items()
            if up.to == label
        ]

    def _cell(self, name: str) -> Cell:
        field: Any = self.model._meta.get_field(name)
        up = self.up.get(name)

        def cell(row: Row) -> object:
            key = None if self._is_long(name) else getattr(row, field.attname)
            value = getattr(row, f"cell_{name}", key)
            return link_up(up, key, value or key) if up else _shown(value, field)

        return _named(cell, name, field.verbose_name, order=name if name in self.sortable else None)

    def _count_cell(self, down: Down) -> Cell:
        return _named(lambda row: down.link(row.pk, getattr(row, down.name)), down.name, down.label)

    @cached_property
    def _page_cells(self) -> dict[str, Cell]:
        """Kept: the admin compares them."""
        return {
            field.name: self._page_cell(field.name) for field in self.model._meta.concrete_fields
        }

    def _page_cell(self, name: str) -> Cell:
        field: Any = self.model._meta.get_field(name)
        up = self.up.get(name)

        def cell(row: Row) -> object:
            value = getattr(row, field.attname)
            return link_up(up, value, value) if up else _shown(value, field, ON_PAGES)

        return _named(cell, name, field.verbose_name)

    @admin.display(description="below")
    def _below(self, row: Row) -> str:
        return format_html_join(
            ", ",
            "{} {}",
            ((down.label, down.link(row.pk, self._count(down, row))) for down in self._downs()),
        )

    @staticmethod
    def _count(down: Down, row: Row) -> int:
        children = down.child._default_manager.filter(**{down.column: row.pk})
        return children.order_by()[: MOST_BELOW + 1].count()


def _named(cell: Cell, name: str, label: str, *, order: str | None = None) -> Cell:
    cell.__name__ = name
    return admin.display(description=label, ordering=order)(cell)


def _shown(value: Any, field: Any, longest: int = 80) -> object:
    """Booleans as the admin shows them, moments to the second, anything else as inert text."""
    if isinstance(field, models.BooleanField):
        return value
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return inert(value, longest)
