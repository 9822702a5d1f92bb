"""A request has to come in time. The real protocol, in front of an application that echoes."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest import mock

import pytest
import uvicorn
from websockets.asyncio.client import connect

from dcm.serving import http

PATIENCE_SECONDS = 0.5
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """The body; of /refused it reads nothing. As a WebSocket it says nothing."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    body, more = b"", scope["path"] != "/refused"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    length = str(len(body)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    )
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        echo,
        http="dcm.serving.http:Protocol",
        ws="dcm.serving.websocket:Protocol",
        loop="uvloop",
        log_config=None,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=[[listening]], daemon=True)
    with mock.patch.object(http, "PATIENCE_SECONDS", PATIENCE_SECONDS):
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)


Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def wire(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()


async def reply(wire: Wire) -> bytes:
    """All that comes until the server closes."""
    return await asyncio.wait_for(wire[0].read(), 10)


@pytest.mark.parametrize(
    "part", [b"P", b"POST / HTTP/1.1\r\nHost: local", HEAD, HEAD + b"some"], ids=len
)
async def test_a_request_that_does_not_go_on_is_told_so_and_closed(wire: Wire, part: bytes) -> None:
    wire[1].write(part)

    answer = await reply(wire)

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert answer.endswith(
        b'{"error":"Request timeout","message":"The request was not whole in time"}'
    )


@pytest.mark.parametrize("part", [b"", b"\r\n"], ids=len)
async def test_a_connection_that_asks_nothing_is_closed(wire: Wire, part: bytes) -> None:
    wire[1].write(part)

    assert await reply(wire) == b""


async def test_a_byte_now_and_then_is_not_enough(wire: Wire) -> None:
    async def trickle() -> None:
        wire[1].write(HEAD)
        while True:
            wire[1].write(b"x")
            await asyncio.sleep(PATIENCE_SECONDS / 5)

    trickling = asyncio.create_task(trickle())
    answer = await reply(wire)
    trickling.cancel()

    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_who_keeps_the_pace_is_waited_for(wire: Wire) -> None:
    """Slower than the patience in all, but faster than the slowest pace."""
    parts = [b"x" * 1_000] * 10
    wire[1].write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n")
    for part in parts:
        await asyncio.sleep(PATIENCE_SECONDS / 4)
        wire[1].write(part)

    head = await asyncio.wait_for(wire[0].readuntil(b"\r\n\r\n"), 5)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert await wire[0].readexactly(10_000) == b"".join(parts)


async def test_each_request_of_a_connection_has_its_own_time(wire: Wire) -> None:
    for _ in range(3):
        wire[1].write(HEAD)
        await asyncio.sleep(PATIENCE_SECONDS / 2)
        wire[1].write(b"x" * 20)
        assert await wire[0].readuntil(b"x" * 20)
        await asyncio.sleep(PATIENCE_SECONDS / 2)


async def test_a_body_that_nobody_wants_is_not_waited_for_either(wire: Wire) -> None:
    wire[1].write(HEAD.replace(b"POST /", b"POST /refused"))
    await wire[0].readuntil(b"\r\n\r\n")
    wire[1].write(b"x")

    assert await reply(wire) == b""


async def test_a_socket_may_be_silent(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}") as websocket:
        await asyncio.sleep(3 * PATIENCE_SECONDS)
        await (await websocket.ping())
