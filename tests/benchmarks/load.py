"""A load generator that costs little: one event loop, ready-made requests, keep-alive.

It runs in a process of its own and takes the requests, as JSON texts, from its input.
"""

import asyncio
import itertools
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import uvloop

WORDS = [f"word{n:04d}" for n in range(5_000)]


@dataclass(frozen=True)
class Load:
    """What one run reached. Latencies in milliseconds."""

    connections: int
    per_second: float
    p50_ms: float
    p99_ms: float
    failures: int


def action(chance: random.Random) -> dict[str, Any]:
    """A tool call with an input of some 200 characters and ten keywords."""
    words = chance.sample(WORDS, 10)
    return {
        "tool_name": "Bash",
        "tool_type": "builtin",
        "input": f"{' '.join(words)} {'.' * 100}",
        "exit_code": 0,
        "duration_ms": chance.randrange(5_000),
        "file_paths": [f"/srv/shop/{words[0]}.py"],
        "session_id": "bench",
    }


def actions(count: int = 2_000) -> list[str]:
    """So many different requests that record one."""
    chance = random.Random(count)
    return [post("/api/actions", action(chance)) for _ in range(count)]


def post(path: str, body: Any, method: str = "POST") -> str:
    """One request."""
    content = json.dumps(body)
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n{content}"
    )


def get(path: str) -> str:
    """One request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Reply:
    """Knows when a reply that comes in parts is whole. Its body is counted, not kept."""

    def __init__(self) -> None:
        self._head = b""
        self._missing: int | None = None

    def feed(self, data: bytes) -> int | None:
        """The status, once the reply is whole."""
        if self._missing is None:
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            self._head = head
            if not found:
                return None
            self._missing = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        self._missing -= len(data)
        if self._missing > 0:
            return None
        status = int(self._head[9:12])
        self._head, self._missing = b"", None
        return status


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last is answered."""

    def __init__(self, next_request: Callable[[], bytes | None], latencies: list[float]) -> None:
        self._next_request = next_request
        self._latencies = latencies
        self._reply = Reply()
        self._sent_at = 0.0
        self.failures = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        status = self._reply.feed(data)
        if status is not None:
            self._latencies.append(time.perf_counter() - self._sent_at)
            self.failures += not 200 <= status < 300
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.failures += 1
            self.done.set_result(None)

    def _send(self) -> None:
        request = self._next_request()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def drive(port: int, requests: list[bytes], *, connections: int, seconds: float) -> Load:
    ends_at = time.perf_counter() + seconds
    latencies: list[float] = []
    numbers = itertools.count()

    def next_request() -> bytes | None:
        if time.perf_counter() >= ends_at:
            return None
        return requests[next(numbers) % len(requests)]

    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: Connection(next_request, latencies), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in opened))
    elapsed = time.perf_counter() - began
    # One is enough when each takes longer than the run.
    percentiles = statistics.quantiles(latencies * 2, n=100)
    return Load(
        connections=connections,
        per_second=len(latencies) / elapsed,
        p50_ms=1000 * percentiles[49],
        p99_ms=1000 * percentiles[98],
        failures=sum(connection.failures for _, connection in opened),
    )


def run(port: int, requests: list[str], *, connections: int, seconds: float) -> Load:
    """Send these requests over and over, in a process where nothing else runs."""
    command = [sys.executable, "-m", "tests.benchmarks.load", str(port), str(connections)]
    done = subprocess.run(
        [*command, str(seconds)],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    return Load(**json.loads(done.stdout))


def main() -> None:
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    requests = [text.encode() for text in json.load(sys.stdin)]
    found = uvloop.run(drive(port, requests, connections=connections, seconds=seconds))
    sys.stdout.write(json.dumps(vars(found)))


if __name__ == "__main__":
    main()
