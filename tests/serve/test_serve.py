"""`manage.py serve` from its start to its end."""

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from websockets.asyncio.client import connect

from dcm.lib import embedded
from tests.serve.serving import Serving, environment, manage, postgres_of


def test_the_first_start_says_where_everything_is(new_home: Path) -> None:
    with Serving(new_home) as serving:
        health = serving.http.get("/health")

        assert health.status_code == 200
        for variable in ("PORT", "DASHBOARD_PORT", "WS_PORT", "COORDINATOR_PORT"):
            assert f"127.0.0.1:{serving.port(variable)}" in serving.banner
        assert str(new_home) in serving.banner


def test_the_admin_login_is_hinted_at_until_there_is_one(new_home: Path) -> None:
    with Serving(new_home) as serving:
        first = serving.banner
        made = manage(
            new_home,
            *("createsuperuser", "--noinput", "--username", "mia", "--email", "mia@example.org"),
            DJANGO_SUPERUSER_PASSWORD="secret",
        )
    with Serving(new_home) as serving:
        second = serving.banner

    assert made.returncode == 0, made.stderr
    assert first.count("manage.py createsuperuser") == 1
    assert "createsuperuser" not in second


def test_a_second_start_takes_less_than_three_seconds(home: Path) -> None:
    began = time.monotonic()

    with Serving(home):
        took = time.monotonic() - began

    assert took < 3


@pytest.fixture
def heard_signals() -> Iterator[None]:
    """Under nohup this process ignores SIGHUP, and so would those that it begins."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_its_database_cleanly(home: Path, number: signal.Signals) -> None:
    with Serving(home) as serving:
        code = serving.stop(number)

        assert code == 0
        assert serving.rest_of_output() == "Stopped\n"
    assert postgres_of(home) == []


def test_a_request_under_way_is_answered_before_the_end(home: Path) -> None:
    with Serving(home) as serving:
        with socket.create_connection(("127.0.0.1", serving.port("PORT"))) as client:
            client.sendall(
                b"POST /api/projects HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n"
            )
            client.sendall(b'{"path":')
            serving.http.get("/livez")  # by now the other request has begun
            serving.process.send_signal(signal.SIGTERM)
            _wait_until_closed(serving.port("PORT"))
            client.sendall(b'"/srv"}')

            reply = client.recv(4096)

        assert reply.startswith(b"HTTP/1.1 201")
        assert serving.process.wait(10) == 0


def _wait_until_closed(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            return


async def test_sockets_are_closed_as_by_a_restart(home: Path) -> None:
    with Serving(home) as serving:
        async with connect(f"ws://127.0.0.1:{serving.port('WS_PORT')}/") as client:
            await client.recv()
            serving.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(client.wait_closed(), 5)

        assert client.close_code == 1012


def test_clients_that_never_let_go_do_not_delay_the_end(home: Path) -> None:
    with Serving(home) as serving:
        with socket.create_connection(("127.0.0.1", serving.port("PORT"))) as client:
            client.sendall(
                b"POST /api/projects HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n"
            )
            serving.http.get("/livez")
            began = time.monotonic()

            code = serving.stop(signal.SIGTERM)

        assert code == 0
        assert time.monotonic() - began < 10


def test_what_was_answered_survives_a_kill(home: Path) -> None:
    with Serving(home) as serving:
        made = serving.http.post("/api/projects", json={"path": "/srv/kept"}).json()
        serving.stop(signal.SIGKILL)
        orphans = postgres_of(home)

        with Serving(home) as again:
            kept = again.http.get("/api/projects/by-path", params={"path": "/srv/kept"}).json()
            adopted = postgres_of(home)

    assert kept["project"]["id"] == made["project"]["id"]
    assert adopted[0].pid == orphans[0].pid


def test_everything_killed_at_once_starts_again(home: Path) -> None:
    with Serving(home) as serving:
        made = serving.http.post("/api/projects", json={"path": "/srv/crashed"}).json()
        first, *_ = postgres_of(home)
        serving.stop(signal.SIGKILL)
        first.kill()

        with Serving(home) as again:
            kept = again.http.get("/api/projects/by-path", params={"path": "/srv/crashed"}).json()

    assert kept["project"]["id"] == made["project"]["id"]


def test_the_number_of_a_dead_postgres_may_belong_to_another_process(home: Path) -> None:
    lock = home / f"postgres-{embedded.VERSION}" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n/elsewhere\n")

    with Serving(home) as serving:
        assert serving.http.get("/health").status_code == 200


def test_a_home_serves_one_server_at_a_time(home: Path) -> None:
    with Serving(home) as serving:
        second = manage(home, "serve")

        assert second.returncode == 1
        assert "another server already uses DCM_HOME" in second.stderr
        assert serving.http.get("/health").status_code == 200


def test_other_commands_work_beside_it(home: Path) -> None:
    with Serving(home):
        done = manage(home, "migrate", "--check")

    assert (done.returncode, done.stderr) == (0, "")


def test_other_commands_without_it_say_to_start_it(home: Path) -> None:
    done = manage(home, "migrate", "--check")

    assert done.returncode == 1
    assert "the database is not running: start it with `make run`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_can_be_switched_off(home: Path) -> None:
    with Serving(home, DASHBOARD_PORT="0", COORDINATOR_PORT="0") as serving:
        assert "Dashboard" not in serving.banner
        assert serving.http.get("/livez").status_code == 200


@pytest.mark.parametrize("variable", ["PORT", "WS_PORT", "COORDINATOR_PORT"])
def test_localhost_means_both_loopback_addresses(home: Path, variable: str) -> None:
    with Serving(home) as serving, socket.create_connection(("::1", serving.port(variable))):
        pass


def test_help_says_what_it_does(home: Path) -> None:
    done = manage(home, "serve", "--help")

    assert done.returncode == 0
    assert "--workers" in done.stdout
    assert "docs/configuration.md" in done.stdout


# --- the embedded PostgreSQL --------------------------------------------------------------------


def test_only_the_owner_of_the_home_can_use_its_database(home: Path) -> None:
    with Serving(home):
        server = embedded.connection(home)
        folder = Path(server["HOST"])

        assert folder.stat().st_mode & 0o077 == 0
        for secret in ("postgres-password", "django-secret-key"):
            assert (home / secret).stat().st_mode & 0o777 == 0o600
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(host=server["HOST"], user="dcm", password="wrong", dbname="dcm")


def test_the_database_is_not_reachable_over_the_network(home: Path) -> None:
    with Serving(home):
        listening = [
            connection
            for process in postgres_of(home)
            for connection in process.net_connections("inet")
        ]

    assert listening == []


@pytest.mark.skipif("os.geteuid() != 0")
def test_as_root_the_database_has_no_rights_of_root(home: Path) -> None:
    with Serving(home):
        first, *_ = postgres_of(home)

        assert 0 not in (*first.uids(), *first.gids())
        assert "\nGroups:\t \n" in Path(f"/proc/{first.pid}/status").read_text()


# --- workers ------------------------------------------------------------------------------------


def test_a_worker_that_dies_is_replaced(home: Path) -> None:
    with Serving(home, "--workers", "2") as serving:
        assert "2 processes" in serving.banner
        before = serving.workers()
        before[0].kill()

        while len(after := serving.workers()) < 2 or before[0] in after:
            assert serving.http.get("/livez").status_code == 200

        assert before[1] in after
        assert serving.stop(signal.SIGTERM) == 0
    assert postgres_of(home) == []


def test_a_worker_that_is_killed_while_it_is_asked_is_replaced_as_soon(home: Path) -> None:
    with Serving(home, "--workers", "2") as serving:
        asked = serving.workers()[0]
        asked.suspend()
        time.sleep(1)
        asked.kill()
        before = time.monotonic()

        while len(after := serving.workers()) < 2 or asked in after:
            assert time.monotonic() - before < 15
            time.sleep(0.1)

        assert serving.stop(signal.SIGTERM) == 0


def test_a_stop_does_not_wait_for_a_worker_that_hangs(home: Path) -> None:
    with Serving(home, "--workers", "2") as serving:
        hanging = serving.workers()[0]
        hanging.suspend()
        time.sleep(1)

        assert serving.stop(signal.SIGTERM) == 0
        assert not hanging.is_running()
    assert postgres_of(home) == []


def test_workers_leave_when_their_parent_is_killed(home: Path) -> None:
    with Serving(home, "--workers", "2") as serving:
        workers = serving.workers()
        serving.stop(signal.SIGKILL)

        gone, left = psutil.wait_procs(workers, timeout=10)

        assert (len(gone), left) == (2, [])


def test_one_worker_more_or_less_is_a_number(home: Path) -> None:
    done = manage(home, "serve", "--workers", "many")

    assert done.returncode == 2
    assert "'many' is not a number from 1 to 64" in done.stderr


# --- what cannot work -----------------------------------------------------------------------------


def test_a_taken_port_is_named(new_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        done = manage(new_home, "serve", WS_PORT=str(port))

    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    assert "WS_PORT" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert postgres_of(new_home) == []


def test_an_unreachable_database_is_named(new_home: Path) -> None:
    variables = environment(new_home)
    new_home.mkdir()

    done = manage(
        new_home,
        "serve",
        DATABASE_URL=f"postgresql://dcm:secret@127.0.0.1:{variables['PORT']}/dcm",
        MAX_DB_RETRIES="2",
    )

    assert done.returncode == 1
    assert f"127.0.0.1:{variables['PORT']}" in done.stderr
    assert "tried 2 times" in done.stderr
    assert "secret" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "eighty"),
        ("WS_PORT", "70000"),
        ("HOST", "256.1.1.1"),
        ("HOST", "0.0.0.0"),
        ("DATABASE_URL", "mysql://localhost/dcm"),
        ("REDIS_URL", "localhost:6379"),
        ("DCM_ENV", "staging"),
        ("DCM_HOME", "/dev/null/dcm"),
        ("DCM_HOME", "/proc/dcm"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(home: Path, variable: str, value: str) -> None:
    done = manage(home, "serve", **{variable: value})

    assert done.returncode == 1
    assert variable in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


GOOD = {"DCM_ENV": "production", "WS_AUTH_SECRET": "w" * 32, "DCM_API_KEY": "k" * 32}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WS_AUTH_SECRET", ""),
        ("WS_AUTH_SECRET", "dcm-dev-secret-change-me"),
        ("WS_AUTH_SECRET", "short"),
        ("WS_AUTH_SECRET", f"{'w' * 32},short"),
        ("SECRET_KEY", "short"),
        ("DCM_API_KEY", "short"),
        ("DCM_API_KEY", ""),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "dcm.example, *"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "board.example"),
        ("RATE_LIMIT", "many"),
    ],
)
def test_production_does_not_start_with_what_is_unsafe(
    home: Path, variable: str, value: str
) -> None:
    running = postgres_of(home)

    done = manage(home, "serve", **(GOOD | {variable: value}))

    assert done.returncode == 1
    assert variable in done.stderr
    assert re.search(r"\bset\b|is not", done.stderr)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {*postgres_of(home)} <= {*running}
