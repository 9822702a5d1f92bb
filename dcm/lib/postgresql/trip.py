"""Several commands to PostgreSQL and back, in one trip. https://www.postgresql.org/docs/current/libpq-pipeline-mode.html

psycopg's own pipeline turns to the socket after each command; here the thread gives up its turn in
Python once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.abc import Buffer, PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

Command = Callable[[PGconn], None]


def command(text: bytes) -> Command:
    return lambda server: server.send_query_params(text, None)


def preparation(plan: bytes, text: bytes) -> Command:
    return lambda server: server.send_prepare(plan, text)


def execution(plan: bytes, parameters: "Sequence[Buffer | None]") -> Command:
    return lambda server: server.send_query_prepared(plan, parameters)


def make_trip(connection: "psycopg.Connection[Any]", commands: Sequence[Command]) -> list[PGresult]:
    """The result of each command. Raises for the first that fails; those after it did nothing."""
    server = connection.pgconn
    server.enter_pipeline_mode()
    try:
        for send in commands:
            send(server)
        server.pipeline_sync()
        results = connection.wait(_results(server))
        server.exit_pipeline_mode()
    except BaseException:
        connection.close()  # nobody knows what is still on its way
        raise
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
    return results


def _results(server: PGconn) -> PQGen[list[PGresult]]:
    while server.flush():  # 1: the socket is full
        if (yield Wait.RW) & Ready.R:
            server.consume_input()  # the server may not read on before it is read
    results: list[PGresult] = []
    while True:
        while server.is_busy():
            while not (yield Wait.R):
                pass
            server.consume_input()
        result = server.get_result()
        if result is None:  # the end of one command
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)
