import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from dcm.lib.handler import LeanHandler
from tests.conftest import Api
from tests.lib import edge
from tests.lib.edge import Marks


@pytest.fixture(scope="session")
def edge_url(database: None) -> Iterator[str]:
    """A server whose only application is the handler, with the routes of edge.py."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(LeanHandler(), http="httptools", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=[[listening]], daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def marks() -> Iterator[Marks]:
    edge.marks = Marks()
    yield edge.marks
    edge.marks.go_on.set()


@pytest.fixture
async def http(edge_url: str, marks: Marks, settings: Any) -> AsyncIterator[Api]:
    settings.ROOT_URLCONF = "tests.lib.edge"
    async with httpx.AsyncClient(base_url=edge_url, timeout=10) as client:
        yield client


class Wire:
    """A connection on which a test writes what no HTTP client would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def write(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
        await self.writer.drain()

    async def read_reply(self) -> tuple[int, bytes]:
        """Status and body of the next reply that says its length."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-len")]
        body = await self.reader.readexactly(int(lengths[0].split(b":")[1]))
        return int(head.split()[1]), body


@contextlib.asynccontextmanager
async def open_wire(url: str) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def reached(event: threading.Event) -> bool:
    """Await a point that another thread passes."""
    return await asyncio.to_thread(event.wait, 5)
