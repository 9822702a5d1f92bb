"""Connections that threads keep: reused, and replaced when they break."""

import asyncio
import contextvars
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections, transaction

from dcm.lib import embedded
from dcm.lib.embedded import EmbeddedPostgres
from dcm.lib.threads import ConnectionThreads, in_thread
from tests.conftest import Api

flavour = contextvars.ContextVar("flavour", default="plain")


@pytest.fixture
def threads(database: None) -> Iterator[ConnectionThreads]:
    threads = ConnectionThreads(3, name="test")
    yield threads
    threads.close()


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the test runs, a connection that it just used is trusted."""
    monkeypatch.setattr("dcm.lib.threads.TRUSTED_SECONDS", 60.0)


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL for one test, to which new threads connect."""
    with tempfile.TemporaryDirectory(prefix="dcm-threads-") as folder:
        home = Path(folder)
        home.chmod(0o711)  # as root PostgreSQL runs as a user of its own
        server = EmbeddedPostgres(home, fsync="off")
        server.start()
        settings = connections.settings["default"] | embedded.connection(home)
        monkeypatch.setitem(connections.settings, "default", settings)
        yield server
        server.stop()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def terminate_and_close(pid: int) -> None:
    terminate(pid)
    connection.close()


def run_in_all(threads: ConnectionThreads, count: int) -> list[int]:
    """The backends of `count` threads, all of them busy at the same moment."""
    together = threading.Barrier(count, timeout=5)

    def work() -> int:
        pid = backend()
        together.wait()
        return pid

    return [future.result(10) for future in [threads.submit(work) for _ in range(count)]]


def test_a_thread_keeps_its_connection(threads: ConnectionThreads) -> None:
    first = threads.submit(backend).result()
    again = {threads.submit(backend).result() for _ in range(5)}

    assert again == {first}


def test_calls_see_the_context_of_their_caller(threads: ConnectionThreads) -> None:
    flavour.set("spicy")
    mine = threads.submit(flavour.get).result()
    threads.submit(flavour.set, "sweet").result()

    assert mine == "spicy"
    assert threads.submit(flavour.get).result() == "spicy"


def test_a_call_that_hits_a_broken_connection_fails_and_the_next_works(
    threads: ConnectionThreads,
) -> None:
    terminate(threads.submit(backend).result())

    with pytest.raises(OperationalError):
        threads.submit(backend).result()

    assert threads.submit(backend).result()


def test_one_failure_warns_all_threads(threads: ConnectionThreads) -> None:
    for pid in run_in_all(threads, 3):
        terminate(pid)

    with pytest.raises(OperationalError):
        threads.submit(backend).result()

    assert len(set(run_in_all(threads, 3))) == 3


def test_a_connection_that_broke_inside_a_transaction_is_replaced(
    threads: ConnectionThreads,
) -> None:
    def interrupted() -> None:
        with transaction.atomic():
            pid = backend()
            terminated = threads.submit(terminate, pid)
            terminated.result()
            backend()

    with pytest.raises(OperationalError):
        threads.submit(interrupted).result()

    assert threads.submit(backend).result()


def test_an_idle_connection_is_checked_before_it_is_used(
    threads: ConnectionThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcm.lib.threads.TRUSTED_SECONDS", 0.0)

    terminate(threads.submit(backend).result())

    assert threads.submit(backend).result()


def test_a_database_that_restarts_is_found_again(own_server: EmbeddedPostgres) -> None:
    threads = ConnectionThreads(2, name="test")
    try:
        run_in_all(threads, 2)
        own_server.stop()
        with pytest.raises(OperationalError):
            threads.submit(backend).result()
        own_server.start()

        assert len(run_in_all(threads, 2)) == 2
    finally:
        threads.close()


def test_closing_ends_the_connections_and_the_next_call_opens_again(
    threads: ConnectionThreads,
) -> None:
    pids = run_in_all(threads, 3)

    threads.close()

    with connection.cursor() as cursor:
        # A backend ends a moment after its connection; this waits for that.
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid", [pids])
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [pids])
        assert cursor.fetchone() == (0,)
    assert threads.submit(backend).result() not in pids


async def test_a_cancelled_caller_does_not_stop_a_call_half_way(database: None) -> None:
    started, go_on, ended = (threading.Event() for _ in range(3))

    def work() -> None:
        started.set()
        go_on.wait(5)
        ended.set()

    caller = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(started.wait, 5)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    go_on.set()

    assert caller.cancelled()
    assert await asyncio.to_thread(ended.wait, 5)


async def test_requests_survive_the_loss_of_every_connection(http: Api) -> None:
    replies = await asyncio.gather(*(http.get("/api/query") for _ in range(20)))
    pids = {reply.json()["pid"] for reply in replies}
    await asyncio.gather(*(asyncio.to_thread(terminate_and_close, pid) for pid in pids))

    replies = [await http.get("/api/query") for _ in range(20)]

    failed = [reply for reply in replies if reply.status_code != 200]
    assert len(failed) == 1
    assert (failed[0].status_code, failed[0].json()) == (503, {"error": "Database unavailable"})
    assert failed[0].headers["Retry-After"] == "2"
