"""No event without its change, no change without its event, none skipped and none hidden."""

import asyncio
import contextlib
import random
import threading
import time
import uuid
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from dcm.lib.threads import in_thread
from projects.models import Project
from projects.services.projects import delete_project
from realtime import fanout
from realtime.channel_names import GLOBAL
from realtime.events import ProjectDeleted
from realtime.publish import publish
from tests.conftest import Api, Listen, Server

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ROUNDS = 200
WRITERS = 4


async def test_a_transaction_that_is_rolled_back_announces_nothing(listen: Listen) -> None:
    watcher = await listen()
    await watcher.heard()

    def give_up() -> None:
        with transaction.atomic():
            project = Project.objects.create(path="/given/up")
            delete_project(project.id)
            transaction.set_rollback(True)

    await in_thread(give_up)

    assert await watcher.heard() == []


async def test_a_writer_that_commits_late_is_not_skipped(listen: Listen) -> None:
    watcher = await listen()
    await watcher.heard()

    def write() -> None:
        chance = random.Random()
        for _ in range(ROUNDS // WRITERS):
            with transaction.atomic():
                time.sleep(chance.random() / 500)  # work before, and the lock held for a while
                publish(ProjectDeleted(id=uuid.uuid4()), to=[GLOBAL])
                time.sleep(chance.random() / 500)
        connection.close()

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    events = [await watcher.next_event("project.deleted") for _ in range(ROUNDS)]
    for writer in writers:
        writer.join()

    numbers = [int(event["id"].rpartition("_")[2]) for event in events]
    assert numbers == [*range(numbers[0], numbers[0] + ROUNDS)]


_SILENTLY = """
WITH head AS (UPDATE realtime_eventhead SET seq = seq + 1 WHERE id = 1 RETURNING seq)
INSERT INTO realtime_loggedevent (seq, channels, type, data, publisher, created_at)
SELECT seq, '{global}', 'system.info', '{"hint": "lost"}', '', now() FROM head
"""


async def test_a_commit_whose_hint_was_lost_is_heard_of_all_the_same(listen: Listen) -> None:
    watcher = await listen()

    def commit_and_die() -> None:
        with psycopg.connect(**_address()) as link:
            link.execute(_SILENTLY)

    await in_thread(commit_and_die)

    assert (await watcher.next_event("system.info"))["data"] == {"hint": "lost"}


async def test_while_the_log_is_locked_writes_are_refused_in_time(api: Api) -> None:
    with contextlib.closing(psycopg.connect(**_address())) as link:
        link.execute("UPDATE realtime_eventhead SET seq = seq WHERE id = 1")

        began = time.monotonic()
        refused = await api.post("/api/sessions", json={"id": "s"})
        seconds = time.monotonic() - began

    taken = await api.post("/api/sessions", json={"id": "s"})
    assert (refused.status_code, taken.status_code) == (503, 201)
    assert refused.headers["Retry-After"] == "2"
    assert seconds < 8


async def test_a_writer_that_hangs_with_the_log_locked_is_got_rid_of(listen: Listen) -> None:
    watcher = await listen()

    def hang() -> bool:
        with contextlib.closing(psycopg.connect(**_address())) as link:
            link.execute("SET idle_in_transaction_session_timeout = 5000")
            link.execute("UPDATE realtime_eventhead SET seq = seq WHERE id = 1")
            stuck = threading.Event()
            stuck.wait(6)
            try:
                link.execute("SELECT 1")
            except psycopg.Error:
                return True
            return False

    cut_off = await in_thread(hang)
    await in_thread(_announce)

    assert cut_off
    assert await watcher.next_event("project.deleted")


def _announce() -> None:
    with transaction.atomic():
        publish(ProjectDeleted(id=uuid.uuid4()), to=[GLOBAL])


def _address() -> dict[str, Any]:
    server = connection.settings_dict
    return {
        "dbname": server["NAME"],
        "user": server["USER"],
        "password": server["PASSWORD"],
        "host": server["HOST"],
        "port": server["PORT"],
    }


@pytest.mark.parametrize("epoch", ["000000000000"])
async def test_a_log_that_begins_anew_closes_all_sockets(listen: Listen, epoch: str) -> None:
    watcher = await listen()

    def rotate(name: str) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT epoch FROM realtime_eventhead")
            (before,) = cursor.fetchone()
            cursor.execute("UPDATE realtime_eventhead SET epoch = %s", [name])
        return str(before)

    before = await in_thread(rotate, epoch)
    await watcher.socket.wait_closed()
    await in_thread(rotate, before)

    assert watcher.socket.close_code == fanout.RESYNC


async def test_a_hub_that_lost_its_connection_listens_to_no_other_file(server: Server) -> None:
    """Files that are opened next have the number of the connection that was lost."""

    def terminate() -> None:
        with psycopg.connect(**_address()) as link:
            link.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name = 'dcm-hub'"
            )

    async def ask(wire: Wire) -> bytes:
        reader, writer = wire
        writer.write(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.readline()
        writer.close()
        return answer

    host, port = server.url.removeprefix("http://").split(":")
    for _ in range(5):
        await in_thread(terminate)
        await asyncio.sleep(0.02)
        wires = [await asyncio.open_connection(host, port) for _ in range(50)]
        answers = await asyncio.gather(*map(ask, wires))
        assert set(answers) == {b"HTTP/1.1 200 OK\r\n"}
