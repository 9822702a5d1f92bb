"""Several servers on one database, any of which can be killed and started again."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg

from dcm.lib import embedded
from tests.serve.serving import PORTS, Serving, database_url, postgres_of, temporary_home


class Member(Serving):
    """One of the servers."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port('PORT')}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port('WS_PORT')}"


class Fleet:
    """The PostgreSQL is the fleet's own: it survives any of the servers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.servers: list[Member] = []
        self._arguments: list[tuple[str, ...]] = []
        self._variables: list[dict[str, str]] = []

    def add(self, *arguments: str, **variables: str) -> Member:
        """One more server, with these arguments and environment variables."""
        shared = {"DATABASE_URL": database_url(self.home), "DCM_SLOW_MS": "0"} | variables
        server = Member(self.home, *arguments, **shared)
        self.servers.append(server.__enter__())
        self._arguments.append(arguments)
        self._variables.append(shared | {name: server.environment[name] for name in PORTS})
        return server

    def start_again(self, number: int) -> Member:
        """The one that was stopped or killed, on the same ports."""
        old = self.servers[number]
        old.process.wait(20)
        old.http.close()
        server = Member(self.home, *self._arguments[number], **self._variables[number])
        self.servers[number] = server.__enter__()
        return server

    def stop(self) -> None:
        for server in self.servers:
            server.process.terminate()  # all at once, then each in turn
        for server in self.servers:
            server.__exit__(None, None, None)

    def postgres(self) -> list[psutil.Process]:
        """The processes of the database, the first one first."""
        return postgres_of(self.home)

    def suspend_postgres(self) -> list[psutil.Process]:
        """The processes of the database, all of which stand still now."""
        suspended: list[psutil.Process] = []
        # The first one begins the others, so that after it no more can come.
        while new := [process for process in self.postgres() if process not in suspended]:
            for process in new[:1] if not suspended else new:
                process.suspend()
                suspended.append(process)
        return suspended

    def backend(self, application: str = "dcm") -> psutil.Process:
        """The process that serves one of the servers' connections."""
        ((pid,),) = self.rows(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s LIMIT 1", [application]
        )
        return psutil.Process(pid)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Of a query on a connection of its own."""
        with psycopg.connect(database_url(self.home)) as link:
            return link.execute(query, parameters or None).fetchall()

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        with psycopg.connect(database_url(self.home)) as link:
            link.execute(statement, parameters)


@contextlib.contextmanager
def fleet_of(
    *arguments: Sequence[str], home: Path | None = None, **variables: str
) -> Iterator[Fleet]:
    """One server for each of `arguments`. home: of the database, by default a temporary folder."""
    with contextlib.ExitStack() as stack:
        folder = home or stack.enter_context(temporary_home())
        stack.enter_context(embedded.kept_running(folder))
        fleet = Fleet(folder)
        stack.callback(fleet.stop)
        for each in arguments:
            fleet.add(*each, **variables)
        yield fleet
