"""Sockets that cost little: they count event frames in the bytes that come, and nothing more.

A process of its own: it opens them, says that it is ready, and on a line of input posts the events.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

import uvloop

from tests.benchmarks.load import post
from tests.sockets import allow_open_files

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GREETING = b'"type":"connected"'
EVENT = b'"type":"event"'
AT_ONCE = 50
PUBLISHERS = 8
LONGEST_SECONDS = 60
SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class FanOut:
    """What one run reached. Latencies are from the POST to the last socket that heard, in ms."""

    per_second: float
    p50_ms: float
    p99_ms: float


class Heard:
    """When the last socket heard each event."""

    def __init__(self, sockets: int, events: int) -> None:
        self.at = [0.0] * events
        self.complete = asyncio.Event()
        self._missing = sockets * events

    def note(self, first: int, count: int) -> None:
        now = time.perf_counter()
        for number in range(first, first + count):
            self.at[number] = now
        self._missing -= count
        if not self._missing:
            self.complete.set()


class Socket(asyncio.Protocol):
    def __init__(self, heard: Heard) -> None:
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard = heard
        self._count = 0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        count = data.count(EVENT)
        if count:
            self._heard.note(self._count, count)
            self._count += count
        elif not self.greeted.done() and GREETING in data:
            self.greeted.set_result(None)
        self._rest = data[1 - len(EVENT) :]  # a frame may come in two parts


class Publisher(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write: Callable[[bytes], None] = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1") and not data.startswith(b"HTTP/1.1 20"):
            raise SystemExit(data.decode())


async def drive(asked: argparse.Namespace) -> FanOut:
    loop = asyncio.get_running_loop()
    heard = Heard(asked.sockets, asked.events)
    for begin in range(0, asked.sockets, AT_ONCE):
        opened = [
            await loop.create_connection(lambda: Socket(heard), "127.0.0.1", asked.port)
            for _ in range(min(AT_ONCE, asked.sockets - begin))
        ]
        await asyncio.gather(*(socket.greeted for _, socket in opened))
    await asyncio.sleep(SETTLE_SECONDS)
    publishers = [
        (await loop.create_connection(Publisher, "127.0.0.1", asked.http_port))[1]
        for _ in range(PUBLISHERS)
    ]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    body = json.loads(await asyncio.to_thread(sys.stdin.readline))
    request = post(asked.path, body).encode()
    posted_at = []
    began = time.perf_counter()
    for number in range(asked.events):
        await asyncio.sleep(max(0.0, began + number * asked.pause - time.perf_counter()))
        posted_at.append(time.perf_counter())
        publishers[number % PUBLISHERS].write(request)
    await asyncio.wait_for(heard.complete.wait(), LONGEST_SECONDS)
    percentiles = statistics.quantiles(
        [1000 * (at - posted) for at, posted in zip(heard.at, posted_at, strict=True)], n=100
    )
    return FanOut(
        per_second=asked.sockets * asked.events / (max(heard.at) - began),
        p50_ms=percentiles[49],
        p99_ms=percentiles[98],
    )


class Listeners:
    """The process: ready when entered."""

    def __init__(
        self, port: int, http_port: int, path: str, *, sockets: int, events: int, pause: float
    ) -> None:
        asked: list[Any] = [port, http_port, path, sockets, events, pause]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.listeners", *map(str, asked)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise SystemExit("the sockets could not be opened")
        return self

    def publish(self, body: dict[str, Any]) -> FanOut:
        """Post this, `events` times, and wait until every socket has heard each."""
        printed, _ = self._process.communicate(json.dumps(body) + "\n", 2 * LONGEST_SECONDS)
        return FanOut(**json.loads(printed))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "http_port"):
        parser.add_argument(name, type=int)
    parser.add_argument("path")
    for name in ("sockets", "events"):
        parser.add_argument(name, type=int)
    parser.add_argument("pause", type=float)
    asked = parser.parse_args()
    allow_open_files(asked.sockets + 100)
    sys.stdout.write(json.dumps(vars(uvloop.run(drive(asked)))))


if __name__ == "__main__":
    main()
