"""How fast one event reaches every socket of one server process, beside a bare loop over them."""

import argparse
import contextlib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from tests.benchmarks.listeners import PUBLISHERS, FanOut, Listeners
from tests.benchmarks.machine import machine, tell
from tests.serve.serving import Serving, temporary_home
from tests.sockets import allow_open_files

SOCKETS = (100, 200, 1_000)
EVENTS = 200
PAUSE_SECONDS = 0.005
TARGET = 0.7
ALONE_SOCKETS = 200
ALONE_SECONDS = 0.05
TARGET_MS = 10
MOST_BYTES = 60_000
COLUMNS = (
    *("Sockets", "Server, frames/s", "p50 ms", "p99 ms", "CPU µs per frame", "Bytes per socket"),
    *("Floor, frames/s", "Floor, p50 ms", "Floor, p99 ms", "Floor, CPU µs per frame"),
    *("Ratio", "Target"),
)
ALONE_COLUMNS = (
    *("Sockets", "Events apart, ms", "Server, p50 ms", "p99 ms"),
    *("Floor, p50 ms", "Floor, p99 ms", "Target"),
)
ACTION = {
    "tool_name": "Bash",
    "tool_type": "builtin",
    "input": "pytest",
    "session_id": "bench",
    "duration_ms": 1_200,
}
FRAME = {
    "type": "event",
    "id": "msg_0123456789ab_12345",
    "channel": "global",
    "event": "action.created",
    "data": {
        "id": "0b1f9a52-7c4e-4a53-9d0c-53a0b1f7e1aa",
        "session_id": "bench",
        "subtask_id": None,
        "tool_name": "Bash",
        "tool_type": "builtin",
        "exit_code": 0,
        "duration_ms": 1_200,
    },
    "timestamp": 1_772_600_000_000,
}


@dataclass(frozen=True)
class Target:
    """Where sockets and events go, and whose work it is."""

    port: int
    http_port: int
    path: str
    body: dict[str, Any]
    process: psutil.Process


@dataclass(frozen=True)
class Run:
    reached: FanOut
    cpu_us: float  # per frame
    socket_bytes: float


def report(asked: argparse.Namespace) -> str:
    with temporary_home() as home, Serving(home) as serving:
        return _report(serving, asked.rounds)


def _report(serving: Serving, rounds: int) -> str:
    allow_open_files(3 * max(SOCKETS))
    server = Target(
        serving.port("WS_PORT"),
        serving.port("PORT"),
        "/api/actions",
        ACTION,
        psutil.Process(serving.process.pid),
    )
    with floor() as bare:
        rows = [row(number, server, bare, rounds) for number in SOCKETS]
        alone = row_of_events_alone(server, bare, rounds)
    return "\n".join(
        [
            "# From one event to every socket",
            "",
            f"{machine()}. One server process, {EVENTS} actions posted",
            f"{1000 * PAUSE_SECONDS:g} ms apart over {PUBLISHERS} connections, all sockets on",
            f"`global`; medians of {rounds} rounds. Times are from the n-th POST until the last",
            "socket has its n-th frame; a server that cannot keep up shows how long its queue is.",
            "The floor is a bare uvicorn application that sends the same text to the same sockets",
            "in one loop, without a database, in turns with the server. Sockets are read by one",
            "other process, which counts frames and nothing more.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
            *rows,
            "",
            f"Memory of an idle socket is to stay under {MOST_BYTES:,} bytes, frames per second at",
            f"{TARGET} of the floor or more.",
            "",
            "And how long an event takes that has no other before it:",
            "",
            f"| {' | '.join(ALONE_COLUMNS)} |",
            "|---" * len(ALONE_COLUMNS) + "|",
            alone,
            "",
        ]
    )


@contextlib.contextmanager
def floor() -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.floor_sockets", str(port)]
    with subprocess.Popen(command) as process:
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        try:
            yield Target(port, port, "/", FRAME, psutil.Process(process.pid))
        finally:
            process.kill()


def run(target: Target, sockets: int, pause: float = PAUSE_SECONDS) -> Run:
    before = target.process.memory_info().rss
    listeners = Listeners(
        target.port,
        target.http_port,
        target.path,
        sockets=sockets,
        events=EVENTS,
        pause=pause,
    )
    with listeners:
        grown = target.process.memory_info().rss - before
        began = cpu_seconds(target.process)
        reached = listeners.publish(target.body)
        taken = cpu_seconds(target.process) - began
    return Run(reached, 1e6 * taken / (sockets * EVENTS), grown / sockets)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def row(sockets: int, server: Target, bare: Target, rounds: int) -> str:
    pairs = []
    for _ in range(rounds):
        tell(f"{EVENTS} events to {sockets} sockets")
        pairs.append((run(bare, sockets), run(server, sockets)))
    floors, ours = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ratio = statistics.median(
        mine.reached.per_second / bare.reached.per_second for bare, mine in pairs
    )
    figures = [
        f"{sockets:,}",
        *figures_of(ours),
        # Memory that is freed is used again, so only the first round shows what a socket takes.
        f"{ours[0].socket_bytes:,.0f}",
        *figures_of(floors),
        f"{ratio:.2f}",
        f"{TARGET} {'met' if ratio >= TARGET else 'missed'}",
    ]
    return f"| {' | '.join(figures)} |"


def row_of_events_alone(server: Target, bare: Target, rounds: int) -> str:
    times = []
    for _ in range(rounds):
        tell(f"events one by one to {ALONE_SOCKETS} sockets")
        reached = [run(each, ALONE_SOCKETS, ALONE_SECONDS).reached for each in (bare, server)]
        times.append([ms for each in reached for ms in (each.p50_ms, each.p99_ms)])
    floor_p50, floor_p99, p50, p99 = map(statistics.median, zip(*times, strict=True))
    verdict = f"p99 {TARGET_MS} {'met' if p99 <= TARGET_MS else 'missed'}"
    figures = [f"{ms:.1f}" for ms in (p50, p99, floor_p50, floor_p99)]
    return f"| {ALONE_SOCKETS} | {1000 * ALONE_SECONDS:g} | {' | '.join(figures)} | {verdict} |"


def figures_of(runs: list[Run]) -> list[str]:
    return [
        f"{statistics.median(each.reached.per_second for each in runs):,.0f}",
        f"{statistics.median(each.reached.p50_ms for each in runs):.1f}",
        f"{statistics.median(each.reached.p99_ms for each in runs):.1f}",
        f"{statistics.median(each.cpu_us for each in runs):.1f}",
    ]
