"""The handler under daphne, which reads bodies ahead and knows no lifespan."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from django.conf import settings

from tests.conftest import Api


@pytest.fixture(scope="module")
def daphne_url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "daphne", "-p", str(port), "tests.lib.daphne_app:application"],
        cwd=settings.BASE_DIR,
    )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise RuntimeError("daphne did not start")


@pytest.fixture
async def daphne(daphne_url: str) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=daphne_url, timeout=10) as client:
        yield client


async def test_views_of_both_kinds_answer(daphne: Api) -> None:
    echoed = await daphne.post("/api/echo/", content=b"12345")
    named = await daphne.post("/api/names", content=b'{"name":"a"}')
    asked = await daphne.head("/api/names")

    assert echoed.json()["size"] == 5
    assert (named.status_code, named.json()) == (201, {"name": "a"})
    assert (asked.status_code, asked.content) == (200, b"")


@pytest.mark.parametrize("path", ["/api/stream", "/api/stream-from-thread"])
async def test_streams_arrive_whole(daphne: Api, path: str) -> None:
    reply = await daphne.get(path)

    assert reply.text == "first second"


async def test_errors_have_their_envelope_and_the_connection_goes_on(daphne: Api) -> None:
    missing = await daphne.get("/api/nowhere")
    failed = await daphne.get("/api/fail/bug")
    too_large = await daphne.post("/api/echo", content=b"x" * (settings.MAX_BODY_BYTES + 1))
    after = await daphne.get("/api/greet/a%2Fb")

    assert (missing.status_code, missing.json()) == (404, {"error": "Not Found"})
    assert (failed.status_code, failed.json()["error"]) == (500, "Failed to add")
    assert too_large.status_code == 413
    assert after.json()["name"] == "a/b"
