"""Hot statements. They pass Django's cursor by, which costs more than some of them do."""

from collections.abc import Iterable
from typing import cast

from django.db import DEFAULT_DB_ALIAS, connections

from dcm.lib.postgresql.base import DatabaseWrapper, Queued, Rows


def execute(statement: str, *parameters: str) -> Queued:
    """Run a statement with the next one, or with the commit: whoever wants its rows waits for them.

    parameters: for $1, $2 and so on, as text.
    """
    return _connection().queue(statement, *parameters)


def array(texts: Iterable[str]) -> str:
    """As a parameter. The texts need no quotes, as UUIDs do not."""
    return f"{{{','.join(texts)}}}"


def query(statement: str, *parameters: str) -> Rows:
    """The rows that a statement returns, as text."""
    queued = execute(statement, *parameters)
    _connection().flush()
    return queued.rows


def _connection() -> DatabaseWrapper:
    return cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
