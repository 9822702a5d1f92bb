"""Rows of models by prepared statements, which cost less than Django's and travel together.

No signals are sent, and every column of a new row needs a value of its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, Model

from dcm.lib.postgresql.base import Queued
from dcm.lib.statements import ask

M = TypeVar("M", bound=Model)


def insert(new: Model) -> Queued:
    """Store a new row with the next statement, or with the commit."""
    new._state.adding = False
    return ask(_insertion(type(new)), _stored(new, _fields(type(new))))


def update(changed: Model, *names: str) -> Queued:
    """Store these fields of a row in the same way."""
    fields, statement = _change(type(changed), names)
    return ask(statement, _stored(changed, fields))


def columns(model: type[Model], alias: str) -> str:
    """All columns of a table, in the order in which row() takes their values."""
    return ", ".join(f"{alias}.{field.column}" for field in _fields(model))


def row(model: type[M], values: Sequence[Any]) -> M:
    return _made(model, _names(model), values)


def part(model: type[M], values: Mapping[str, Any]) -> M:
    """A row of which these columns are known; others are fetched when somebody asks for them."""
    known = tuple(name for name in _names(model) if name in values)
    return _made(model, known, [values[name] for name in known])


def _made(model: type[M], names: tuple[str, ...], values: Sequence[Any]) -> M:
    read = list(values)
    for place, convert in _converted(model, names):
        read[place] = convert(read[place], None, connection)
    return model.from_db(DEFAULT_DB_ALIAS, names, read)


@cache
def _converted(model: type[Model], names: tuple[str, ...]) -> list[tuple[int, Callable[..., Any]]]:
    """Places of what the database gives in another form, as JSON, which comes as text."""
    fields: list[Any] = [field for field in _fields(model) if _name(field) in names]
    return [
        (place, field.from_db_value)
        for place, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    ]


@cache
def _names(model: type[Model]) -> tuple[str, ...]:
    return tuple(map(_name, _fields(model)))


def _fields(model: type[Model]) -> "Sequence[Field[Any, Any]]":
    return model._meta.concrete_fields


def _name(field: "Field[Any, Any]") -> str:
    return field.attname


def _stored(row: Model, fields: "Iterable[Field[Any, Any]]") -> dict[str, Any]:
    return {
        _name(field): field.get_db_prep_save(getattr(row, _name(field)), connection)
        for field in fields
    }


@cache
def _insertion(model: type[Model]) -> str:
    named = ", ".join(f"%({_name(field)})s" for field in _fields(model))
    into = ", ".join(str(field.column) for field in _fields(model))
    return f"INSERT INTO {model._meta.db_table} ({into}) VALUES ({named})"  # noqa: S608  names of ours


@cache
def _change(model: type[Model], names: Sequence[str]) -> tuple[Sequence[Any], str]:
    """The fields whose values it needs, and the statement."""
    fields: list[Any] = [model._meta.pk, *map(model._meta.get_field, names)]
    key, *assigned = [f"{field.column} = %({field.attname})s" for field in fields]
    changes = ", ".join(assigned)
    return fields, f"UPDATE {model._meta.db_table} SET {changes} WHERE {key}"  # noqa: S608  names of ours
