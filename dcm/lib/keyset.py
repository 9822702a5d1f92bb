"""Reading a long list page by page, from where the last page ended."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar, cast

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from dcm.lib import wire
from dcm.lib.errors import InvalidQuery

M = TypeVar("M", bound=Model)


class Keyset:
    """An order such as Keyset("-created_at", "id"); the last column tells all rows apart."""

    def __init__(self, *order: str) -> None:
        self._order = order
        self._columns = [name.removeprefix("-") for name in order]

    def after(self, rows: "QuerySet[M]", cursor: str | None) -> "QuerySet[M]":
        """The rows in this order, those behind the cursor. Raises InvalidQuery."""
        ordered = self.ordered(rows)
        if cursor is None:
            return ordered
        return ordered.filter(self.behind(self.read(rows.model, cursor)))

    def ordered(self, rows: "QuerySet[M]") -> "QuerySet[M]":
        return rows.order_by(*self._order)

    def cursor(self, page: Sequence[Any], limit: int) -> str | None:
        """Where the next page begins; None when this one was not full."""
        if not page or len(page) < limit:
            return None
        return write_cursor(self.place(page[-1]))

    def place(self, row: Any) -> list[Any]:
        """The values that this order goes by."""
        return [getattr(row, column) for column in self._columns]

    @cached_property
    def texts(self) -> list[Cast]:
        """The same, for values_list(): a cursor needs no more than their texts."""
        return [Cast(column, TextField()) for column in self._columns]

    def behind(self, place: Iterable[Any]) -> Q:
        """What the rows behind this place meet."""
        behind, equal = Q(), Q()
        for name, column, value in zip(self._order, self._columns, place, strict=True):
            step = "lt" if name.startswith("-") else "gt"
            behind |= equal & Q(**{f"{column}__{step}": value})
            equal &= Q(**{column: value})
        return behind

    def read(self, model: type[Model], cursor: str) -> list[Any]:
        """The values that the order goes by. Raises InvalidQuery."""
        fields = [cast("Field[Any, Any]", model._meta.get_field(name)) for name in self._columns]
        return read_cursor(cursor, *(field.to_python for field in fields))


def write_cursor(position: Iterable[Any]) -> str:
    """The values that an order goes by, of the last row of a page."""
    plain = [each.isoformat() if isinstance(each, datetime) else each for each in position]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).rstrip(b"=").decode()


def read_cursor(cursor: str, *readers: Callable[[Any], Any]) -> list[Any]:
    """The values again, each by its own reader. Raises InvalidQuery."""
    try:
        encoded = cursor.encode() + b"=" * (-len(cursor) % 4)
        values = orjson.loads(base64.b64decode(encoded, altchars=b"-_", validate=True))
        if not isinstance(values, list) or not wire.is_storable(values):
            raise ValueError(cursor)
        return [read(value) for read, value in zip(readers, values, strict=True)]
    except (binascii.Error, ValueError, TypeError, OverflowError, ValidationError):
        raise InvalidQuery({"cursor": ["Not a cursor of this list"]}) from None
