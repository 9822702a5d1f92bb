"""The suite talks to a real server: its HTTP, its sockets, a real PostgreSQL and Redis.

One server runs for the whole run, in a thread, on free ports of loopback. After each test the rows
are deleted. With DCM_TEST_NO_SKIP=1 a skipped test fails the run. See environment.py.
"""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator

import httpx
import hypothesis
import pytest
import uvicorn
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from pytest_django.plugin import DjangoDbBlocker

from dcm.lib import database_check
from dcm.lib.embedded import EmbeddedPostgres
from dcm.serving.processes import LARGEST_FRAME_BYTES
from tests.environment import HOME, WORKER
from tests.sockets import Listener

Api = httpx.AsyncClient
Listen = Callable[..., Awaitable[Listener]]
# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")
# A shell that starts the suite in its background has it ignore Ctrl-C, and so all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Fifty clients, the server and PostgreSQL share the machine, and commits need not outlive it.
UNHURRIED = " -c lock_timeout=4000 -c synchronous_commit=off"
DATABASE_PATIENCE_SECONDS = 10.0
# Rows that a test has made stale are its own to sweep.
NEVER_SECONDS = 86_400
PORTS = ("HTTP_PORT", "DASHBOARD_PORT", "WS_PORT", "COORDINATOR_PORT")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Generated tests have one name for all routes, and of each name workers run one test only."""
    for item in items:
        if route := getattr(item, "operation_label", None):
            item._id = item.parent.id.child(f"{item.name}[{route}]")  # type: ignore[union-attr]
    if len({item.nodeid for item in items}) < len(items):
        raise pytest.UsageError("several tests have the same name")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything has to run, a test that was skipped has failed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("DCM_TEST_NO_SKIP"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def embedded_postgres() -> Iterator[EmbeddedPostgres]:
    # Nothing here outlives the run, so nothing has to reach the disk.
    server = EmbeddedPostgres(HOME, fsync="off", synchronous_commit="off", full_page_writes="off")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A migrated database of the run's own."""
    if settings.EMBEDDED_POSTGRES:
        request.getfixturevalue("embedded_postgres")
    connection.settings_dict["OPTIONS"]["options"] += UNHURRIED
    connection.settings_dict["TEST"]["NAME"] = f"test_dcm_{WORKER}"
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
        yield
        # Threads of the server may still hold connections.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        teardown_databases(made, verbosity=0)
        connection.close()


@pytest.fixture(autouse=True)
def empty_tables(request: pytest.FixtureRequest) -> Iterator[None]:
    """Delete all rows after a test that used the database."""
    yield
    if "database" in request.fixturenames or "server" in request.fixturenames:
        delete_rows()


def delete_rows() -> None:
    """Of all tables except the event log, which becomes history.

    Events that the server has not read yet would be missing, and it would close all sockets.
    """
    with connection.cursor() as cursor:
        # Sockets that are closing stamp these rows, in this order.
        cursor.execute(
            "SELECT FROM realtime_rememberedchannel ORDER BY agent_id, channel FOR UPDATE;"
            + "".join(f"DELETE FROM {table};" for table in TABLES)
        )
        cursor.execute(
            "UPDATE realtime_loggedevent SET created_at = created_at - interval '2 hours'"
            " WHERE created_at > now() - interval '1 hour'"
        )


TABLES = [
    "projects_action",
    "projects_project",
    "messaging_message",
    "messaging_subscription",
    "messaging_block",
    "messaging_agent",
    "messaging_delivery",
    "messaging_correspondence",
    "routing_keywordtoolscore",
    "routing_projecttoolscore",
    "sessions_app_session",
    "sessions_app_toolstart",
    "sessions_app_agentcontext",
    "sessions_app_coordination",
    "sessions_app_compaction",
    "idempotency_storedreply",
    "redaction_count",
    "keys_apikey",
    "audit_auditentry",
    "realtime_rememberedchannel",
    "realtime_acknowledged",
    "imports_importedtable",
]


class Server(uvicorn.Server):
    """The server under test, and where it listens."""

    url: str
    ws_url: str
    trpc_url: str


@pytest.fixture(scope="session")
def server(database: None) -> Iterator[Server]:
    from dcm import cleanup
    from dcm.asgi import application

    sockets = []
    for port in PORTS:
        listening = socket.create_server(("127.0.0.1", 0))
        setattr(settings, port, listening.getsockname()[1])
        sockets.append(listening)
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        ws="dcm.serving.websocket:Protocol",
        ws_max_size=LARGEST_FRAME_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        lifespan="auto",
    )
    database_check.PATIENCE_SECONDS = DATABASE_PATIENCE_SECONDS
    cleanup.EVERY_SECONDS = NEVER_SECONDS
    running = Server(config)
    running.url = f"http://127.0.0.1:{settings.HTTP_PORT}"
    running.ws_url = f"ws://127.0.0.1:{settings.WS_PORT}"
    running.trpc_url = f"ws://127.0.0.1:{settings.COORDINATOR_PORT}"
    thread = threading.Thread(target=running.run, args=[sockets], daemon=True)
    thread.start()
    while not running.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        thread.join(0.01)
    yield running
    running.should_exit = True
    thread.join(15)


@pytest.fixture
async def api(server: Server) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture
async def listen(server: Server) -> AsyncIterator[Listen]:
    """`await listen("agents/backend")`: a socket that hears these channels, beside `global`."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_listener(*channels: str, agent_id: str = "listener") -> Listener:
            listener = await stack.enter_async_context(Listener.open(server.ws_url))
            await listener.authenticate(agent_id)
            for channel in channels:
                await listener.subscribe(channel)
            return listener

        yield open_listener
