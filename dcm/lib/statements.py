"""Hot statements: planned once per connection, and sent without waiting for the one before.

They pass Django's cursor by, which costs more than some of them do.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from django.db import connection


@contextlib.contextmanager
def pipelined() -> Iterator[None]:
    """Within, execute() only queues: what failed is raised by the next query() or in the end."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def query(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows that a statement returns."""
    with _cursor() as cursor:
        cursor.execute(statement, parameters, prepare=True)
        return cursor.fetchall()


def execute(statement: str, *parameters: Any) -> None:
    """Run a statement whose rows nobody wants."""
    with _cursor() as cursor:
        cursor.execute(statement, parameters, prepare=True)


@contextlib.contextmanager
def _cursor() -> Iterator["psycopg.Cursor[tuple[Any, ...]]"]:
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # Not closed: that would wait for the pipeline, and there is nothing to close.
        yield psycopg.Cursor(connection.connection)
