"""Reach the database and bring its tables up to date, before anything is served."""

import contextlib
import time
from collections.abc import Iterator

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from dcm.serving.set_aside import is_set_aside

FIRST_WAIT_SECONDS = 0.5
MIGRATION_LOCK = 0x64636D  # "dcm": any number will do that others do not use


class Unreachable(Exception):
    """The database does not answer; the text says where it was looked for and what to do."""


def wait_until_reachable(tries: int) -> None:
    """Return once the database accepts a connection; on a server that lacks it, make it.

    Raises Unreachable after so many tries.
    """
    for number in range(tries):
        if number:
            time.sleep(FIRST_WAIT_SECONDS * number)
        try:
            connection.ensure_connection()
        except OperationalError as error:
            reason = unreachable(error)
            _create_if_missing(error)
        else:
            return
    raise Unreachable(f"{reason} (tried {tries} times)")


def is_unreachable(error: Exception) -> bool:
    """Whether this is about the connection, and not about a statement."""
    return isinstance(error.__cause__, psycopg.OperationalError) and not error.__cause__.sqlstate


def unreachable(error: Exception) -> str:
    """One line about a failed connection: where, why, what to do."""
    if settings.EMBEDDED_POSTGRES:
        return "the database is not running: start it with `make run` in another terminal"
    server = settings.DATABASES["default"]
    # The lines after a tab are guesses of the driver; before "failed:" it repeats the address.
    lines = [line for line in str(error).splitlines() if line and not line.startswith("\t")]
    return (
        f"cannot reach PostgreSQL at {server['HOST']}:{server['PORT']}: "
        f"{lines[-1].rpartition('failed: ')[2].strip()}; start it, correct DATABASE_URL or DB_*, "
        "or set neither DATABASE_URL nor DB_USER to use the embedded one"
    )


def _create_if_missing(error: Exception) -> None:
    name = settings.DATABASES["default"]["NAME"]
    if f'database "{name}" does not exist' in str(error):
        # Not allowed, or another server was faster: the next try tells.
        with contextlib.suppress(DatabaseError), connection._nodb_cursor() as cursor:
            cursor.execute(
                f"CREATE DATABASE {connection.ops.quote_name(name)}"
                " ENCODING 'UTF8' TEMPLATE template0"
            )


def migrate() -> None:
    """Apply missing migrations, as `manage.py migrate` does: one of several servers at a time."""
    if _is_behind() or is_set_aside():
        call_command("migrate", interactive=False, verbosity=0)


def _is_behind() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@contextlib.contextmanager
def alone() -> Iterator[int]:
    """Hold the lock for migrations, in a transaction so that a pooler keeps it in one place.

    Meanwhile our connection has no limits: those are for serving, and a change of a large table
    takes as long as it takes. Yields the process id at the server of what holds the lock.
    """
    guard = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        with guard.cursor() as cursor:
            cursor.execute("BEGIN")
            for limit in ("statement", "lock", "idle_in_transaction_session"):
                cursor.execute(f"SET LOCAL {limit}_timeout = 0")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            cursor.execute("SELECT pg_backend_pid()")
            (holder,) = cursor.fetchone()
            with connection.cursor() as ours:
                ours.execute("SET statement_timeout = 0; SET lock_timeout = 0")
            yield holder
    finally:
        guard.close()
        connection.close()
