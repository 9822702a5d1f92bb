"""Lists, page by page. Contract: rest 1.4."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.db.models import Expression, Model, QuerySet

from dcm.lib.fields import Output
from dcm.lib.json_rows import as_list, can_be_json, json_row
from dcm.lib.keys.callers import current
from dcm.lib.keyset import Keyset, write_cursor
from dcm.lib.query import Query
from dcm.lib.statements import fetch

M = TypeVar("M", bound=Model)

KEPT_STATEMENTS = 500
"""Of each list, a few kilobytes each."""


def page(
    rows: QuerySet[M],
    query: Query,
    output: type[Output[M]],
    *,
    name: str,
    default: int = 100,
    total: bool = False,
    keyset: Keyset | None = None,
) -> dict[str, Any]:
    """{name: [...], "count", "total"?, "limit", "offset", "next_cursor"?}.

    keyset: the order of the rows, when they may also be read page by page with `cursor`, which
    neither skips nor repeats a row when others are added meanwhile.
    """
    limit, offset = query.limit(default), query.offset()
    counted = {"total": rows.count()} if total else {}
    if keyset is not None:
        rows = keyset.after(rows, query.text("cursor"))
    shown = rows[offset : offset + limit]
    found: list[Any]
    if can_be_json(output):
        found = list(shown.values_list(json_row(output), *(keyset.texts if keyset else ())))
        listed: Any = as_list(row[0] for row in found)
        places = [row[1:] for row in found[-1:]]
    else:
        found = list(shown)
        listed = output(found, many=True).data
        places = [keyset.place(row) for row in found[-1:]] if keyset else []
    more = {} if keyset is None else _more(places, is_full=len(found) == limit)
    return {
        name: listed,
        "count": len(found),
        **counted,
        "limit": limit,
        "offset": offset,
        **more,
    }


def _more(places: list[Any], *, is_full: bool) -> dict[str, Any]:
    """places: that of the last row, if there is one."""
    return {"next_cursor": write_cursor(places[0]) if places and is_full else None}


class Listing(Generic[M]):
    """As page() with a keyset, for rows that are shown as they are stored.

    Django takes longer to make the statement of a page than PostgreSQL takes to find its hundred
    rows; so that is made once for each set of filters, whatever their values.
    """

    def __init__(
        self,
        rows: Callable[[], QuerySet[M]],
        output: type[Output[M]],
        *,
        name: str,
        keyset: Keyset,
    ) -> None:
        self._rows = rows
        self._output = output
        self._name = name
        self._keyset = keyset
        self._statement = lru_cache(KEPT_STATEMENTS)(self._make_statement)

    def page(self, query: Query, **filters: Any) -> dict[str, Any]:
        """Of the rows that meet those filters that have a value."""
        limit, offset, cursor = query.limit(), query.offset(), query.text("cursor")
        values = query.given(**filters)
        place = [] if cursor is None else self._keyset.read(self._output.Meta.model, cursor)
        statement, own = self._statement(tuple(values), len(place), current.get().projects)
        behind = {_place(number): value for number, value in enumerate(place)}
        window = {"limit": limit, "offset": offset}
        found = fetch(statement, {**own, **values, **behind, **window})
        return {
            self._name: as_list(text for text, *_ in found),
            "count": len(found),
            **window,
            **_more([found[-1][1:]] if found else [], is_full=len(found) == limit),
        }

    def _make_statement(
        self, filters: Iterable[str], places: int, _projects: Any
    ) -> tuple[str, dict[str, Any]]:
        """With %(names)s, and the values of those that the caller's limits brought."""
        rows = self._rows().filter(**{name: Parameter(name) for name in filters})
        if places:
            rows = rows.filter(self._keyset.behind(Parameter(_place(n)) for n in range(places)))
        shown = self._keyset.ordered(rows).values_list(json_row(self._output), *self._keyset.texts)
        sql, parameters = shown.query.sql_with_params()
        own = {
            f"own{number}": value
            for number, value in enumerate(parameters)
            if not isinstance(value, Parameter)
        }
        names = tuple(
            f"%({value.name if isinstance(value, Parameter) else f'own{number}'})s"
            for number, value in enumerate(parameters)
        )
        return f"{sql % names} LIMIT %(limit)s OFFSET %(offset)s", own


def _place(number: int) -> str:
    return f"place{number}"


class Parameter(Expression):
    """Stands for a value that comes later."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", (self,)
