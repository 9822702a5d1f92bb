"""Rows as JSON made by PostgreSQL: as their Output would make them, at a tenth of the price."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db.models import Field, Model, TextField
from django.db.models.expressions import RawSQL
from rest_framework import serializers
from rest_framework.fields import empty

from dcm.lib import wire
from dcm.lib.fields import Boolean, Integer, JsonObject, Moment, Output, Text, Uuid

WIRE_TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
"""As dcm.lib.wire.wire_time."""

_AS_STORED = (
    *(Text, Integer, Boolean, JsonObject, Uuid, serializers.CharField, serializers.ChoiceField),
    *(serializers.IntegerField, serializers.BooleanField, serializers.JSONField),
    *(serializers.UUIDField, serializers.ListField),
)


def json_row(output: type[Output[Any]]) -> RawSQL:
    """For values_list() of a query of the output's model. Ask can_be_json() first."""
    # Made of names of ours alone.
    text = f"({json_object(output)})::text"
    return RawSQL(text, [], output_field=TextField())  # noqa: S611  # nosec B611


@cache
def can_be_json(output: type[Output[Any]]) -> bool:
    """Whether each field shows a column of the row itself, and nothing computed."""
    return all(_column(output, field) is not None for field in output().fields.values())


@cache
def json_object(output: type[Output[Any]], *more: str, without: tuple[str, ...] = ()) -> str:
    """The SQL that makes a row of the output's table one JSON object.

    more: further names and values, as SQL. without: fields that are left out.
    """
    fields = output().fields
    shown = [
        f"'{name}', {_column(output, field)}"
        for name, field in fields.items()
        if name not in without
    ]
    return f"json_build_object({', '.join([*shown, *more])})"


def as_list(rows: Iterable[str]) -> wire.Ready:
    """JSON texts as one array."""
    return wire.Ready(f"[{','.join(rows)}]")


def _column(output: type[Output[Any]], field: Any) -> str | None:
    """The SQL of what this field shows, None when that is no column."""
    if field.source_attrs != [field.source] or field.default is not empty:
        return None
    column = _columns(output).get(field.source)
    if column is None or not isinstance(field, (Moment, *_AS_STORED)):
        return None
    name = f'"{_model(output)._meta.db_table}"."{column.column}"'
    return WIRE_TIME.format(name) if isinstance(field, Moment) else name


@cache
def _columns(output: type[Output[Any]]) -> dict[str, "Field[Any, Any]"]:
    return {field.attname: field for field in _model(output)._meta.concrete_fields}


def _model(output: type[Output[Any]]) -> type[Model]:
    model: type[Model] = output.Meta.model
    return model
