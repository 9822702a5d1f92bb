"""`manage.py serve`: the whole server, with a database of its own if none is configured."""

import argparse
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import NotSupportedError, connections

from dcm.lib import embedded
from dcm.lib.keys.admission import keys_are_asked_for
from dcm.lib.keys.selectors import usable_keys
from dcm.monitoring import telemetry
from dcm.monitoring.siblings import meeting_place
from dcm.serving import database, ports, processes

PORTS = {
    "PORT": settings.HTTP_PORT,
    "DASHBOARD_PORT": settings.DASHBOARD_PORT,
    "WS_PORT": settings.WS_PORT,
    "COORDINATOR_PORT": settings.COORDINATOR_PORT,
}
EXPECTED = (
    ports.CannotListen,
    database.Unreachable,
    processes.CannotStart,
    embedded.EmbeddedPostgresError,
    NotSupportedError,
    OSError,
)


class Command(BaseCommand):
    help = (
        "Run DCM: REST, dashboard, WebSockets and, when neither DATABASE_URL nor DB_USER is set, "
        "a PostgreSQL of its own. Stop it with Ctrl-C or SIGTERM. Environment variables configure "
        "it: docs/configuration.md lists them."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--workers",
            type=_positive,
            default=1,
            metavar="N",
            help="serving processes that share the ports; one that dies is replaced (default: 1)",
        )

    def handle(self, *args: Any, workers: int, **options: Any) -> None:
        for number in processes.stop_signals():
            signal.signal(number, _interrupt)
        try:
            with contextlib.ExitStack() as running:
                self._serve(running, workers)
        except KeyboardInterrupt:
            pass  # asked to stop while starting
        except EXPECTED as error:
            raise CommandError(str(error).strip()) from error
        self.stdout.write("Stopped")

    def _serve(self, running: contextlib.ExitStack, workers: int) -> None:
        if telemetry.is_missing():
            raise CommandError(telemetry.MISSING)
        processes.allow_open_files()
        sockets = ports.listen(settings.HOST, PORTS)
        running.callback(ports.close, sockets)
        stop_postgres: Callable[[], None] = _nothing
        if settings.EMBEDDED_POSTGRES:
            most = str(workers * settings.DB_CONNECTIONS + 50)
            postgres = running.enter_context(
                embedded.kept_running(settings.DCM_HOME, max_connections=most)
            )
            stop_postgres = postgres.stop
        running.callback(_ignore_signals)
        database.wait_until_reachable(settings.MAX_DB_RETRIES)
        database.migrate()
        _refuse_without_keys()
        has_login = User.objects.filter(is_superuser=True, is_active=True).exists()
        connections.close_all()
        if workers > 1:
            running.enter_context(meeting_place())

        def overrun() -> None:
            for worker in multiprocessing.active_children():
                worker.kill()
            stop_postgres()
            os._exit(0)

        def greet() -> None:
            self.stdout.write(banner(workers, has_login=has_login))
            self.stdout.flush()

        processes.run(sockets, workers=workers, on_ready=greet, on_overrun=overrun)


def banner(workers: int, *, has_login: bool) -> str:
    """The addresses, where the data lives, how to get into the admin at first, how to stop."""
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    addresses = [
        ("REST, admin", f"http://{host}:{settings.HTTP_PORT}", settings.HTTP_PORT),
        ("Dashboard", f"http://{host}:{settings.DASHBOARD_PORT}", settings.DASHBOARD_PORT),
        ("WebSocket", f"ws://{host}:{settings.WS_PORT}", settings.WS_PORT),
        ("Coordinator", f"ws://{host}:{settings.COORDINATOR_PORT}", settings.COORDINATOR_PORT),
    ]
    lines = [(name, address) for name, address, port in addresses if port]
    server = settings.DATABASES["default"]
    data = (
        f"{settings.DCM_HOME} (embedded PostgreSQL)"
        if settings.EMBEDDED_POSTGRES
        else f"PostgreSQL at {server['HOST']}:{server['PORT']}, database {server['NAME']}"
    )
    lines += [("Data", data)]
    if not has_login:
        lines += [("Admin login", "none yet: .venv/bin/python manage.py createsuperuser")]
    lines += [("Stop", "Ctrl-C")]
    title = "DCM is running" + (f" in {workers} processes" if workers > 1 else "")
    return "\n".join(["", title, "", *(f"  {name:<12} {text}" for name, text in lines), ""])


def _refuse_without_keys() -> None:
    if keys_are_asked_for() and not (settings.API_KEY or usable_keys().exists()):
        raise CommandError(
            "there is no API key, so nobody could call: set DCM_API_KEY to 32 random characters, "
            "or make a key with `manage.py apikey create NAME` while the database runs"
        )


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:4]) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 64")
    return int(text)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    """A second Ctrl-C must not stop us from stopping the database."""
    for number in processes.stop_signals():
        signal.signal(number, signal.SIG_IGN)


def _nothing() -> None:
    return None
