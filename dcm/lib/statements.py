"""Hot statements. They pass Django's cursor by, which costs more than some of them do."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from dcm.lib.postgresql.base import DatabaseWrapper, Queued, Rows


def execute(statement: str, *parameters: str) -> Queued:
    """Run a statement with the next one, or with the commit, or when somebody reads its rows.

    parameters: for $1, $2 and so on, as text.
    """
    return _connection().queue(statement, [parameter.encode() for parameter in parameters])


def array(texts: Iterable[str]) -> str:
    """As a parameter. The texts need no quotes, as UUIDs do not."""
    return f"{{{','.join(texts)}}}"


def query(statement: str, *parameters: str) -> Rows:
    """The rows that a statement returns, as text."""
    return execute(statement, *parameters).rows


Asked = tuple[str, Mapping[str, Any]]
"""A statement with %(names)s, and their values."""


def ask(statement: str, parameters: Mapping[str, Any]) -> Queued:
    """As execute(), for a statement with %(names)s and values of Python."""
    numbered, names = _numbered(statement)
    return _connection().ask(numbered, [parameters[name] for name in names])


def fetch(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement with %(names)s, as a cursor would return them.

    For large statements on small data, where planning costs more than execution.
    """
    return ask(statement, parameters).values


_PLANS = "SELECT set_config('plan_cache_mode', $1, true)"


def fetch_each(each: Iterable[Asked], *, any_values: bool = False) -> list[list[tuple[Any, ...]]]:
    """The rows of each statement. They travel together, and are done in order, all or none.

    any_values: their plans are made once, for any values. PostgreSQL itself makes one for each
    execution where it expects that to pay, which it does not when the statement is large and the
    rows are few.
    """
    with transaction.atomic(savepoint=False):
        if any_values:
            execute(_PLANS, "force_generic_plan")
        queued = [ask(*asked) for asked in each]
        if any_values:
            execute(_PLANS, "auto")
    return [one.values for one in queued]


@cache
def _numbered(statement: str) -> tuple[str, list[str]]:
    """The statement with $1, $2 and so on for its names."""
    names = list(dict.fromkeys(_NAME.findall(statement)))
    return _NAME.sub(lambda found: f"${names.index(found[1]) + 1}", statement), names


_NAME = re.compile(r"%\((\w+)\)s")


def _connection() -> DatabaseWrapper:
    return cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
