"""A database of the original service, as one moment saw it. It is only read."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

Row = dict[str, Any]

CONNECT_SECONDS = 10
MOST_ROWS = 1_000
MOST_BYTES = 8 * 2**20
"""Of one batch, whichever comes first."""

_FETCHED = 100
_KEYS = frozenset({"uuid", "text", "varchar", "int2", "int4", "int8"})


class SourceError(Exception):
    """The original's database cannot be read; the text says why, and never the password."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What to read of one table.

    plain, moments, json, optional: columns. optional: null where the table lacks it. more: name ->
    expression over the table `t` and the joined ones.
    """

    table: str
    plain: Sequence[str]
    moments: Sequence[str] = ()
    json: Sequence[str] = ()
    optional: Sequence[str] = ()
    more: Mapping[str, str] = field(default_factory=dict)
    joins: str = ""

    @property
    def needed(self) -> set[str]:
        return {"id", *self.plain, *self.moments, *self.json} - set(self.optional)


class Source:
    """name: host:port/database."""

    def __init__(self, connection: "psycopg.Connection[Row]", name: str) -> None:
        self._connection = connection
        self.name = name
        self._columns: dict[str, dict[str, str]] = {}
        for row in connection.execute(_COLUMNS).fetchall():
            self._columns.setdefault(row["table"], {})[row["column"]] = row["type"]

    @classmethod
    @contextlib.contextmanager
    def open(cls, url: str) -> Iterator[Self]:
        """Raises SourceError, also for what goes wrong with the connection meanwhile."""
        address = _parsed(url)
        name = f"{address['host']}:{address['port']}/{address['dbname']}"
        try:
            connection = psycopg.connect(**address, row_factory=dict_row)
        except psycopg.Error as error:
            raise SourceError(f"cannot reach PostgreSQL at {name}: {_reason(error)}") from None
        try:
            with connection:
                _check_encoding(connection)
                yield cls(connection, name)
        except psycopg.Error as error:
            raise SourceError(f"cannot read {name}: {_reason(error)}") from None

    def has(self, table: str) -> bool:
        return table in self._columns

    def check(self, selections: Sequence[Selection], *, required: Sequence[str]) -> None:
        """Raises SourceError unless all that is needed is there and may be read."""
        missing = [name for name in required if not self.has(name)]
        if missing:
            raise SourceError(
                f"{self.name} is no database of the original service: it lacks {_listed(missing)}"
            )
        for each in selections:
            if self.has(each.table):
                self._check_table(each)

    def count(self, table: str, after: str | None) -> int:
        statement = f"SELECT count(*) AS n FROM {table} t {self._after(table)}"  # noqa: S608
        row = self._connection.execute(statement, {"after": after}).fetchone()
        return int(row["n"]) if row else 0

    def batches(self, selection: Selection, after: str | None) -> Iterator[list[Row]]:
        """Rows in order of their ids, beyond this one."""
        batch: list[Row] = []
        size = 0
        with self._connection.cursor(f"dcm_{selection.table}") as cursor:
            cursor.itersize = _FETCHED
            cursor.execute(self._statement(selection), {"after": after})
            for row in cursor:
                batch.append(row)
                size += _size(row)
                if len(batch) == MOST_ROWS or size >= MOST_BYTES:
                    yield batch
                    batch, size = [], 0
        if batch:
            yield batch

    def _check_table(self, selection: Selection) -> None:
        columns = self._columns[selection.table]
        if missing := selection.needed - columns.keys():
            raise SourceError(
                f"the table {selection.table} of {self.name} lacks {_listed(sorted(missing))}"
            )
        if columns["id"] not in _KEYS:
            raise SourceError(
                f"the ids of the table {selection.table} of {self.name} are {columns['id']},"
                " not uuid, text or integer"
            )
        allowed = self._connection.execute(
            "SELECT has_table_privilege(%s, 'SELECT') AS ok", [selection.table]
        ).fetchone()
        if not (allowed and allowed["ok"]):
            raise SourceError(
                f"{self.name} does not let this user read the table {selection.table}: "
                "GRANT SELECT ON ALL TABLES IN SCHEMA public TO it"
            )

    def _after(self, table: str) -> str:
        kind = self._columns[table]["id"]
        return f"WHERE %(after)s::{kind} IS NULL OR t.id > %(after)s::{kind}"

    def _statement(self, selection: Selection) -> str:
        there = self._columns[selection.table]
        shown = {"id": "t.id::text"}
        shown |= {name: f"t.{name}" for name in selection.plain}
        shown |= {name: _MOMENT.format(f"t.{name}") for name in selection.moments}
        shown |= {name: f"t.{name}::text" for name in selection.json}
        shown |= {name: "NULL" for name in selection.optional if name not in there}
        shown |= selection.more
        cells = ", ".join(f"{expression} AS {name}" for name, expression in shown.items())
        table = selection.table
        return f"SELECT {cells} FROM {table} t {selection.joins} {self._after(table)} ORDER BY t.id"  # noqa: S608


_COLUMNS = """
SELECT c.relname AS table, a.attname AS column, y.typname AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND pg_table_is_visible(c.oid) AND c.relnamespace <> 'pg_catalog'::regnamespace
"""
# As text, to the microsecond; what no calendar of ours has is none at all.
_MOMENT = """
CASE WHEN {0}::timestamptz BETWEEN '0001-01-02' AND '9999-12-30' THEN {0}::timestamptz::text END
"""


def _parsed(url: str) -> dict[str, Any]:
    if not url.startswith(("postgresql://", "postgres://")):
        raise SourceError("--database-url must be like postgresql://user@host:5432/claude_context")
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise SourceError("--database-url cannot be understood") from None
    return {
        "host": "localhost",
        "port": "5432",
        "dbname": "claude_context",
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "dcm import",
        "client_encoding": "UTF8",
        **given,
        "options": "-c TimeZone=UTC -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
        " -c default_transaction_read_only=on"
        " -c default_transaction_isolation=repeatable\\ read",
    }


def _check_encoding(connection: "psycopg.Connection[Row]") -> None:
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        raise SourceError("its encoding is SQL_ASCII, so nobody knows what its texts mean")


def _size(row: Row) -> int:
    return sum(len(value) for value in row.values() if isinstance(value, str | bytes))


def _reason(error: psycopg.Error) -> str:
    # The lines after a tab are guesses of the driver; before "failed:" it repeats the address.
    lines = [line for line in str(error).splitlines() if line and not line.startswith("\t")]
    return lines[-1].rpartition("failed: ")[2].strip() if lines else type(error).__name__


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
