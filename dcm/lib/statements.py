"""Hot statements. They pass Django's cursor by, which costs more than some of them do."""

from collections.abc import Iterable
from typing import cast

from django.db import DEFAULT_DB_ALIAS, connections

from dcm.lib.postgresql.base import DatabaseWrapper, Queued, Rows


def execute(statement: str, *parameters: str) -> Queued:
    """Run a statement with the next one, or with the commit, or when somebody reads its rows.

    parameters: for $1, $2 and so on, as text.
    """
    connection = cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
    return connection.queue(statement, *parameters)


def array(texts: Iterable[str]) -> str:
    """As a parameter. The texts need no quotes, as UUIDs do not."""
    return f"{{{','.join(texts)}}}"


def query(statement: str, *parameters: str) -> Rows:
    """The rows that a statement returns, as text."""
    return execute(statement, *parameters).rows
