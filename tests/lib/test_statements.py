"""Statements that wait for the next one: in order, in one transaction, and with clear failures."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from dcm.lib.postgresql.base import Queued
from dcm.lib.postgresql.trip import make_trip
from dcm.lib.statements import execute, query

ADD = "INSERT INTO kept VALUES ($1::int, $2) RETURNING n, said"


@pytest.fixture(autouse=True)
def table(database: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept (n int PRIMARY KEY, said text)")
    yield
    connection.close()


def commit(*statements: tuple[str, ...]) -> list[Queued]:
    with transaction.atomic():
        return [execute(*each) for each in statements]


def kept() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT n FROM kept ORDER BY n")
        return [row[0] for row in cursor.fetchall()]


def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commands each trip from now on takes along."""
    made: list[int] = []

    def counted(link: "psycopg.Connection[object]", commands: list[object]) -> object:
        made.append(len(commands))
        return make_trip(link, commands)  # type: ignore[arg-type]

    monkeypatch.setattr("dcm.lib.postgresql.base.make_trip", counted)
    return made


def test_a_transaction_is_one_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    commit((ADD, "1", "planned"))
    made = trips(monkeypatch)
    first, second = commit((ADD, "2", "two"), (ADD, "3", "three"))
    assert made == [4]  # BEGIN, two statements, COMMIT
    assert (first.rows, second.rows) == ([("2", "two")], [("3", "three")])
    assert kept() == [1, 2, 3]


def test_a_cursor_sees_what_was_queued_before_it() -> None:
    with transaction.atomic():
        execute(ADD, "1", "")
        assert kept() == [1]
        execute(ADD, "2", "")
        assert query("SELECT count(*) FROM kept") == [("2",)]


def test_rows_are_text_and_null_is_none() -> None:
    with transaction.atomic():
        assert query("SELECT 1, NULL, 'ä', true") == [("1", None, "ä", "t")]
        assert query("SELECT 1 WHERE false") == []


def test_who_reads_the_rows_waits_for_them() -> None:
    with transaction.atomic():
        first, second = execute(ADD, "1", ""), execute(ADD, "2", "")
        assert second.rows == [("2", "")]
        assert first.rows == [("1", "")]


def test_what_was_rolled_back_has_no_rows() -> None:
    with transaction.atomic():
        gone = execute(ADD, "1", "")
        transaction.set_rollback(True)
    with pytest.raises(RuntimeError, match="rolled back"):
        _ = gone.rows


def test_outside_a_transaction_nothing_waits() -> None:
    assert execute(ADD, "1", "now").rows == [("1", "now")]
    assert kept() == [1]


def test_a_failure_comes_with_the_commit_and_undoes_all() -> None:
    with pytest.raises(IntegrityError, match="kept_pkey"):
        commit((ADD, "1", ""), (ADD, "1", "again"), (ADD, "2", ""))
    assert kept() == []
    commit((ADD, "3", ""))
    assert kept() == [3]


def test_a_failure_comes_with_the_next_statement() -> None:
    with transaction.atomic():
        execute(ADD, "one", "")
        with pytest.raises(DataError):
            kept()
        transaction.set_rollback(True)
    assert kept() == []


def test_a_statement_that_cannot_be_planned_harms_no_other() -> None:
    for _ in range(2):
        with pytest.raises(ProgrammingError, match="nowhere"):
            commit((ADD, "1", ""), ("INSERT INTO nowhere VALUES (1)",))
    commit((ADD, "1", ""))
    assert kept() == [1]


def test_a_rollback_forgets_what_waits() -> None:
    with transaction.atomic():
        execute(ADD, "1", "")
        transaction.set_rollback(True)
    commit((ADD, "2", ""))
    assert kept() == [2]


def test_a_savepoint_undoes_its_own() -> None:
    with transaction.atomic():
        execute(ADD, "1", "")
        with transaction.atomic():
            execute(ADD, "2", "")
            transaction.set_rollback(True)
        execute(ADD, "3", "")
    assert kept() == [1, 3]


def test_large_parameters_and_replies_pass() -> None:
    """More than the socket holds, both ways at once."""
    large = "ä" * 4_000_000
    queued = commit(*[(ADD, str(n), large) for n in range(3)])
    assert [row for each in queued for row in each.rows] == [(str(n), large) for n in range(3)]


def test_a_connection_that_breaks_under_way_is_replaced() -> None:
    assert query("SELECT 1") == [("1",)]
    with pytest.raises(OperationalError):
        commit(("SELECT pg_terminate_backend(pg_backend_pid())",))
    connection.close_if_unusable_or_obsolete()
    assert query("SELECT 1") == [("1",)]  # its plan went with the old one
