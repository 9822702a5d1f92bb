"""MCP in real server processes: several workers, daphne, start and stop."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from mcp import Client

from tests.conftest import Server
from tests.lib.test_daphne import wait_for_port
from tests.mcp.calls import call
from tests.mcp.conftest import ERAS
from tests.trpc.servers import another_server, database_url

MOST_MEGABYTES = 150


def address(port: int, session: str) -> str:
    return f"http://127.0.0.1:{port}/mcp?session_id={session}&agent_id=backend"


@pytest.fixture
def daphne_port(server: Server) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "daphne", "-p", str(port), "dcm.asgi:application"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url()},
    )
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def test_daphne_serves_it_too(daphne_port: int, session: str, era: str) -> None:
    async with Client(address(daphne_port, session), mode=ERAS[era]) as client:
        await call(client, "share", key="build", value="wasm")

        assert (await call(client, "recall", key="build"))["value"] == "wasm"


async def test_daphne_tells_of_updates(daphne_port: int, session: str) -> None:
    context = f"dcm://sessions/{session}/context"

    async with (
        Client(address(daphne_port, session)) as client,
        client.listen(resource_subscriptions=[context]) as updates,
    ):
        await call(client, "share", key="build", value="wasm")
        async with asyncio.timeout(5):
            await anext(updates)


async def test_any_worker_answers_any_request(
    tmp_path: Path, server: Server, session: str, era: str
) -> None:
    with another_server(tmp_path, "--workers", "2") as serving:
        url = address(serving.port("PORT"), session)
        async with Client(url, mode=ERAS[era]) as first, Client(url, mode=ERAS[era]) as second:
            await asyncio.gather(
                *(call(first, "share", key=str(n), value="x") for n in range(20)),
                *(call(second, "inbox") for _ in range(20)),
            )
            entries = (await call(second, "recall"))["entries"]

    assert {entry["key"] for entry in entries} == {str(n) for n in range(20)}


async def test_an_update_crosses_from_process_to_process(
    tmp_path: Path, server: Server, session: str
) -> None:
    context = f"dcm://sessions/{session}/context"

    with another_server(tmp_path) as serving:
        async with (
            Client(address(serving.port("PORT"), session)) as listener,
            listener.listen(resource_subscriptions=[context]) as updates,
            Client(f"{server.url}/mcp?session_id={session}&agent_id=web") as writer,
        ):
            await call(writer, "share", key="build", value="wasm")
            async with asyncio.timeout(5):
                await anext(updates)


async def test_a_stopping_server_ends_its_streams_by_itself(
    tmp_path: Path, server: Server, session: str
) -> None:
    context = f"dcm://sessions/{session}/context"

    with another_server(tmp_path) as serving:
        async with (
            Client(address(serving.port("PORT"), session)) as client,
            client.listen(resource_subscriptions=[context]) as updates,
        ):
            serving.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                # One that is cut off raises SubscriptionLost instead.
                assert [event async for event in updates] == []
        assert await asyncio.to_thread(serving.process.wait, 10) == 0
    assert "Traceback" not in serving.rest_of_output()


def test_a_server_loads_the_sdk_when_it_is_first_asked(tmp_path: Path, server: Server) -> None:
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}

    with another_server(tmp_path) as serving:
        process = psutil.Process(serving.process.pid)
        before = has_loaded_the_sdk(process)
        reply = serving.http.post("/mcp", json=listing, headers={"Accept": "application/json"})
        after, megabytes = has_loaded_the_sdk(process), process.memory_info().rss / 2**20

    assert reply.status_code == 200
    assert (before, after) == (False, True)
    assert megabytes < MOST_MEGABYTES


def has_loaded_the_sdk(process: psutil.Process) -> bool:
    """Whether the part of it that is no Python is mapped into the process."""
    return any("pydantic_core" in mapped.path for mapped in process.memory_maps())


WITHOUT_THE_SDK = """
import asyncio, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "dcm.settings"
import httpx
from dcm.asgi import application

async def ask():
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        sys.modules["mcp"] = None
        listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        first = await client.post("/mcp", json=listing, headers={"Accept": "application/json"})
        del sys.modules["mcp"]
        second = await client.post("/mcp", json=listing, headers={"Accept": "application/json"})
        print(first.status_code, first.json()["error"], second.status_code)

asyncio.run(ask())
"""


def test_a_start_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_SDK],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DCM_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout == "500 MCP is not available 200\n", done.stderr
