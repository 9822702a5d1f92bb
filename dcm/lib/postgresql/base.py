"""Django's engine for PostgreSQL, with statements that wait for company.

A trip to the server costs a thread its turn in Python, and under load getting that back is dearer
than most statements. So what returns nothing that anybody waits for is queued, and goes out with
whatever comes next: another statement, or the commit.
"""

from collections.abc import Sequence
from itertools import count
from time import perf_counter
from typing import Any

from django.db.backends.postgresql import base
from psycopg.abc import Buffer
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from dcm.lib.postgresql import slow
from dcm.lib.postgresql.trip import Command, command, execution, make_trip, preparation

BEGIN = command(b"BEGIN")
COMMIT = command(b"COMMIT")


Rows = list[tuple[str | None, ...]]


Parameters = Sequence["Buffer | None"]


class Queued:
    """A statement on its way. parameters: in the text format of PostgreSQL."""

    def __init__(
        self, statement: str, parameters: Parameters, connection: "DatabaseWrapper"
    ) -> None:
        self.statement = statement
        self.parameters = parameters
        self._result: PGresult | None = None
        self._connection = connection

    def settle(self, result: PGresult) -> None:
        self._result = result

    @property
    def result(self) -> PGresult:
        """What it returned. If it still waits, it does so no longer."""
        if self._result is None:
            self._connection.flush()
        if self._result is None:
            raise RuntimeError("the statement was rolled back unexecuted")
        return self._result

    @property
    def rows(self) -> Rows:
        """As text."""
        result = self.result
        return [
            tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]

    @property
    def values(self) -> list[tuple[Any, ...]]:
        """The rows as Python values."""
        return self._connection.values(self.result)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queue: list[Queued] = []
        self._plans: dict[str, bytes] = {}
        self._numbers = count()
        self.execute_wrappers.append(slow.timed)

    def ask(self, statement: str, parameters: Sequence[Any]) -> Queued:
        """As queue(), with any values of Python."""
        self.ensure_connection()
        formats = [PyFormat.TEXT] * len(parameters)
        return self.queue(
            statement, Transformer(self.connection).dump_sequence(parameters, formats)
        )

    def values(self, result: PGresult) -> list[tuple[Any, ...]]:
        """The rows, as Python values."""
        adapted = Transformer(self.connection)
        adapted.set_pgresult(result)
        return adapted.load_rows(0, result.ntuples, tuple)

    def queue(self, statement: str, parameters: Parameters) -> Queued:
        """Execute it by the commit at the latest; it is planned once per connection.

        parameters: for $1, $2 and so on. What goes wrong is raised by whatever comes next. Outside
        a transaction there is nothing to wait for.
        """
        queued = Queued(statement, parameters, self)
        self._queue.append(queued)
        if self.get_autocommit():
            self.flush()
        return queued

    def flush(self) -> None:
        """Execute now what is queued."""
        if self._queue:
            self.ensure_connection()
            with self.wrap_database_errors:
                self._execute_queue([])

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self._plans.clear()
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        if self._queue:
            self._execute_queue([])
        return super().create_cursor(name)

    def _commit(self) -> None:
        if self._queue:
            with self.wrap_database_errors:
                self._execute_queue([COMMIT])
        else:
            super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        self._queue.clear()
        super()._rollback()  # type: ignore[misc]

    def _close(self) -> None:
        self._queue.clear()
        super()._close()  # type: ignore[misc]

    def _execute_queue(self, last: list[Command]) -> None:
        queue, self._queue = self._queue, []
        new = {queued.statement for queued in queue} - self._plans.keys()
        # A name is never used again: after a failure nobody knows which of them are taken.
        plans = {statement: b"queued_%d" % next(self._numbers) for statement in sorted(new)}
        first = [preparation(plan, statement.encode()) for statement, plan in plans.items()]
        idle = self.connection.pgconn.transaction_status == TransactionStatus.IDLE
        if idle and not self.autocommit:
            first.append(BEGIN)
        known = self._plans | plans
        middle = [execution(known[queued.statement], queued.parameters) for queued in queue]
        began = perf_counter()
        try:
            results = make_trip(self.connection, [*first, *middle, *last])
        finally:
            seconds = perf_counter() - began
            slow.note((queued.statement for queued in queue), seconds)
            if self.queries_logged:
                self.queries_log.extend(
                    {"sql": each.statement, "time": str(seconds)} for each in queue
                )
        self._plans = known
        for queued, result in zip(queue, results[len(first) :], strict=False):
            queued.settle(result)
