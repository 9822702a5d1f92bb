"""Many agents at work on one server: each has a socket, calls a tool and looks into its inbox.

An open loop: what is due is sent when it is due, however slow the server is, and latencies count
from there.
"""

import argparse
import asyncio
import collections
import itertools
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import psutil
import uvloop

from tests.benchmarks import load
from tests.benchmarks.listeners import GREETING, HANDSHAKE
from tests.benchmarks.load import get, post
from tests.benchmarks.machine import machine, tell
from tests.benchmarks.processes import cpu_seconds, database_of, family_of
from tests.serve.serving import Serving, temporary_home
from tests.sockets import allow_open_files

NUMBERS = (100, 300, 1_000, 2_000)
ACTION_EVERY, INBOX_EVERY, MESSAGE_EVERY = 2.0, 10.0, 20.0
KINDS = (("action", ACTION_EVERY), ("inbox", INBOX_EVERY), ("message", MESSAGE_EVERY))
SECONDS_OF_WORK = 20.0
CONNECTIONS = 64
AT_ONCE = 50
COLUMNS = (
    *("Agents", "Requests/s due", "done", "action p50 ms", "p99", "inbox p50", "p99"),
    *("Server, cores", "PostgreSQL, cores", "Memory, MB"),
)


@dataclass(frozen=True)
class Worked:
    """milliseconds: p50 and p99 of each kind of request."""

    due: float
    done: float
    milliseconds: dict[str, tuple[float, float]]
    failures: int


def report(asked: argparse.Namespace) -> str:
    allow_open_files(3 * max(NUMBERS))
    rows = []
    for number in NUMBERS:
        tell(f"{number:,} agents")
        with temporary_home() as home, Serving(home) as serving:
            rows.append(_row(number, serving, home))
    return "\n".join(
        [
            "# Many agents",
            "",
            f"{machine()}. One server process and its embedded PostgreSQL, both on this machine,",
            "and so is whoever sends. Each agent has a socket with its own channel, records a tool",
            f"call each {ACTION_EVERY:g} s, looks into its inbox each {INBOX_EVERY:g} s and writes",
            f"to another agent each {MESSAGE_EVERY:g} s, for {SECONDS_OF_WORK:g} s. Latencies are",
            "from when a request was due.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
            *rows,
            "",
        ]
    )


def _row(number: int, serving: Serving, home: Path) -> str:
    server, database = family_of(serving.process.pid), list(database_of(home))
    command = [sys.executable, "-m", "tests.benchmarks.agents", str(number)]
    command += [str(serving.port("PORT")), str(serving.port("WS_PORT"))]
    before = cpu_seconds(server), cpu_seconds(database)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    elapsed = time.perf_counter() - began
    database = list(database_of(home))
    spent = [cpu_seconds(server) - before[0], cpu_seconds(database) - before[1]]
    memory = max(psutil.Process(each.pid).memory_info().rss for each in server)
    worked = Worked(**json.loads(done.stdout))
    if worked.failures:
        raise SystemExit(f"{worked.failures} requests failed")
    action, inbox = worked.milliseconds["action"], worked.milliseconds["inbox"]
    figures = [
        f"{number:,}",
        f"{worked.due:,.0f}",
        f"{worked.done:,.0f}",
        *(f"{each:.1f}" for each in (*action, *inbox)),
        *(f"{each / elapsed:.2f}" for each in spent),
        f"{memory / 1e6:.0f}",
    ]
    return f"| {' | '.join(figures)} |"


# --- the agents, in a process of their own ------------------------------------------------------


class Socket(asyncio.Protocol):
    """Hears what is for its agent alone."""

    def __init__(self, agent: str) -> None:
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._agent = agent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        if not self.greeted.done() and GREETING in data:
            for frame in (
                {"type": "auth", "agent_id": self._agent},
                {"type": "unsubscribe", "channel": "global"},
            ):
                self._transport.write(_frame(frame))
            self.greeted.set_result(None)


def _frame(message: dict[str, str]) -> bytes:
    """As clients send them, with a mask that changes nothing."""
    text = json.dumps(message).encode()
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@dataclass
class Due:
    kind: str
    at: float
    request: bytes


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, office: "Office") -> None:
        self._office = office
        self._due: Due | None = None
        self._read = load.Reply()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._office.free.append(self)

    def send(self, due: Due) -> None:
        self._due = due
        self._transport.write(due.request)

    def data_received(self, data: bytes) -> None:
        status = self._read.feed(data)
        if status is not None and self._due is not None:
            self._office.note(self._due, status)
            self._due = None
            self._office.free.append(self)
            self._office.send_due()


class Office:
    """Sends what is due over the connections that are free."""

    def __init__(self) -> None:
        self.free: collections.deque[Connection] = collections.deque()
        self.waiting: collections.deque[Due] = collections.deque()
        self.latencies: dict[str, list[float]] = collections.defaultdict(list)
        self.failures = 0

    def send_due(self) -> None:
        while self.free and self.waiting:
            self.free.popleft().send(self.waiting.popleft())

    def note(self, due: Due, status: int) -> None:
        self.latencies[due.kind].append(1000 * (time.perf_counter() - due.at))
        self.failures += not 200 <= status < 300


def _schedule(number: int) -> list[Due]:
    """Of all agents, in order of time, from 0 on."""
    chance = random.Random(number)
    due = [
        Due(kind, at, _request(kind, agent, number, chance).encode())
        for agent in range(number)
        for kind, every in KINDS
        for at in _moments(chance.uniform(0, every), every)
    ]
    return sorted(due, key=lambda one: one.at)


def _moments(first: float, every: float) -> Iterator[float]:
    return itertools.takewhile(lambda at: at < SECONDS_OF_WORK, itertools.count(first, every))


def _request(kind: str, agent: int, number: int, chance: random.Random) -> str:
    if kind == "action":
        return post("/api/actions", load.action(chance) | {"session_id": f"session-{agent // 5}"})
    if kind == "inbox":
        return get(f"/api/messages/agent-{agent}")
    body: dict[str, Any] = {"topic": "workflow.progress", "content": {"text": "Half way"}}
    to = f"agent-{chance.randrange(number)}"
    return post("/api/messages", {**body, "from_agent": f"agent-{agent}", "to_agent": to})


async def work(number: int, port: int, ws_port: int) -> Worked:
    loop = asyncio.get_running_loop()
    for begin in range(0, number, AT_ONCE):
        agents = range(begin, min(begin + AT_ONCE, number))
        opened = [
            await loop.create_connection(partial(Socket, f"agent-{n}"), "127.0.0.1", ws_port)
            for n in agents
        ]
        await asyncio.gather(*(socket.greeted for _, socket in opened))
    office = Office()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(office), "127.0.0.1", port)
    schedule = _schedule(number)
    began = time.perf_counter() + 0.5
    for due in schedule:
        due.at += began
        if (pause := due.at - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        office.waiting.append(due)
        office.send_due()
    while len(office.free) < CONNECTIONS and time.perf_counter() - began < 3 * SECONDS_OF_WORK:
        await asyncio.sleep(0.05)
    elapsed = max(time.perf_counter() - began, SECONDS_OF_WORK)
    percentiles = {
        kind: statistics.quantiles(each, n=100) for kind, each in office.latencies.items()
    }
    return Worked(
        due=len(schedule) / SECONDS_OF_WORK,
        done=sum(map(len, office.latencies.values())) / elapsed,
        milliseconds={kind: (each[49], each[98]) for kind, each in percentiles.items()},
        failures=office.failures,
    )


def main() -> None:
    number, port, ws_port = map(int, sys.argv[1:])
    allow_open_files(2 * number + 200)
    sys.stdout.write(json.dumps(asdict(uvloop.run(work(number, port, ws_port)))))


if __name__ == "__main__":
    main()
