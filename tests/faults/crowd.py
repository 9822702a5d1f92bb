"""Thousands of sockets that cost little, in a process of their own.

It is told by lines of JSON and answers each with one: {"open": n, "at_once": m}, {"heard": mark},
{"return": n, "within": seconds}, {"close": true}. See Crowd.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self, cast

import uvloop

from tests.sockets import allow_open_files

HANDSHAKE = (
    "GET /?ack=none&last_event_id={after} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n"
)
MARK = re.compile(rb'"id":"(msg_[0-9a-z]+_[0-9]+)".{1,100}?"mark": ?([0-9]+)')
REST = 300
PING = re.compile(rb"\x89\x04(.{4})", re.DOTALL)  # no such bytes are in JSON of ASCII
PONG = b"\x8a\x84\0\0\0\0"
PATIENCE_SECONDS = 60


class Socket(asyncio.Protocol):
    """Notes the marks of the events that it hears, over all of its connections."""

    def __init__(self) -> None:
        self.marks: list[int] = []
        self.last_id = ""
        self.unrecovered = False
        self.is_open = False
        self._rest = b""
        self._greeted: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    async def open(self, port: int) -> None:
        """Connect, to hear what comes after the last event heard."""
        loop = asyncio.get_running_loop()
        self._greeted, self._rest = loop.create_future(), b""
        await loop.create_connection(lambda: self, "127.0.0.1", port)
        await self._greeted

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(HANDSHAKE.format(after=self.last_id).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if self._greeted is not None and not self._greeted.done() and b'"connected"' in data:
            self.is_open = True
            self.unrecovered = self.unrecovered or b'"recovered":false' in data
            self._greeted.set_result(None)
        if (ping := PING.search(data)) and self._transport is not None:
            self._transport.write(PONG + ping[1])
            data = data.replace(ping[0], b"")
        end = 0
        for found in MARK.finditer(data):
            self.last_id = found[1].decode()
            self.marks.append(int(found[2]))
            end = found.end()
        self._rest = data[end:][-REST:]  # an event may come in two parts


class Sockets:
    """All of this process."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._all: list[Socket] = []

    async def open(self, count: int, at_once: int) -> dict[str, Any]:
        began = time.monotonic()
        new = [Socket() for _ in range(count)]
        self._all += new
        few = asyncio.Semaphore(at_once)

        async def enter(socket: Socket) -> None:
            async with few:
                await socket.open(self._port)

        await asyncio.gather(*(enter(socket) for socket in new))
        return {"seconds": time.monotonic() - began}

    async def heard(self, mark: int) -> dict[str, Any]:
        """Once all have heard it."""
        while not all(socket.marks and socket.marks[-1] >= mark for socket in self._all):
            await asyncio.sleep(0.01)
        return {"at": time.time()}

    async def come_back(self, count: int, within: float) -> dict[str, Any]:
        """The first `count` drop their connections and come back, spread over so many seconds."""
        began = time.monotonic()

        async def again(number: int, socket: Socket) -> None:
            socket.abort()
            await asyncio.sleep(within * number / count)
            await socket.open(self._port)

        await asyncio.gather(*(again(n, each) for n, each in enumerate(self._all[:count])))
        return {"seconds": time.monotonic() - began}

    def close(self) -> dict[str, Any]:
        """How many were still open, went without what they missed, or did not hear all in order."""
        still = sum(socket.is_open for socket in self._all)
        wrong = 0
        for socket in self._all:
            first = socket.marks[0] if socket.marks else 0
            wrong += socket.marks != [*range(first, first + len(socket.marks))]
            socket.abort()
        unrecovered = sum(socket.unrecovered for socket in self._all)
        firsts = {socket.marks[0] for socket in self._all if socket.marks}
        return {"open": still, "wrong": wrong, "unrecovered": unrecovered, "firsts": sorted(firsts)}

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            if "open" in order:
                return await self.open(order["open"], order["at_once"])
            if "heard" in order:
                return await self.heard(order["heard"])
            if "return" in order:
                return await self.come_back(order["return"], order["within"])
            return self.close()


class Crowd:
    """The process, from outside."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.crowd", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    async def order(self, **order: Any) -> dict[str, Any]:
        """Tell it to do something, and return what it answers."""
        return await asyncio.to_thread(self._order, order)

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()


async def main(port: int) -> None:
    sockets = Sockets(port)
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer = await sockets.obey(json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    allow_open_files(8_000)
    uvloop.run(main(int(sys.argv[1])))
