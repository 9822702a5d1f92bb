"""The event log by itself: how many commits may publish, and how fast a process reads along."""

import argparse
import json
import socket
import statistics
import time
from typing import Any

import httpx
import psutil
import psycopg

from tests.benchmarks.fanout import FRAME
from tests.benchmarks.floor import Floor
from tests.benchmarks.listeners import HANDSHAKE
from tests.benchmarks.machine import machine, tell
from tests.benchmarks.processes import cpu_seconds
from tests.serve.serving import Serving, temporary_home

CONNECTIONS = (1, 4, 16, 32)
EVENTS = 50_000
DATA = json.dumps(FRAME["data"])
APPEND = """
WITH head AS (UPDATE realtime_eventhead SET seq = seq + {many} WHERE id = 1 RETURNING seq)
INSERT INTO realtime_loggedevent (seq, channels, type, data)
SELECT head.seq - {many} + n, ARRAY['sessions/elsewhere'], 'action.created', '{data}'::jsonb
FROM head, generate_series(1, {many}) AS n;
"""
ONE = APPEND.format(many=1, data=DATA)
MANY = APPEND.format(many=EVENTS, data=DATA)
ELSEWHERE = """
INSERT INTO floor_score (keyword, tool_name, tool_type, score, usage_count, success_count,
                         last_used)
VALUES (gen_random_uuid()::text, 'Bash', 'builtin', 1.0, 1, 1, now());
"""
COMMIT_COLUMNS = ("Connections", "Commits/s", "without the log")
POSITION = "dcm_event_log_position"
READ_COLUMNS = ("Events", "Events/s", "CPU µs per event")


def report(asked: argparse.Namespace) -> str:
    with temporary_home() as home, Serving(home) as serving:
        floor = Floor(home)
        commits = [row_of_commits(floor, each, asked) for each in CONNECTIONS]
        reading = row_of_reading(floor, serving, asked.rounds)
    return "\n".join(
        [
            "# The event log",
            "",
            f"{machine()}. Embedded PostgreSQL, medians of {asked.rounds} rounds.",
            "",
            "Commits that publish one event each, from so many connections at once: they take",
            "turns at the head of the log, whichever server process they belong to. Beside it",
            "commits of one row elsewhere, which need not. A server process has one connection for",
            "each kind of hot write, and puts many callers into one commit.",
            "",
            f"| {' | '.join(COMMIT_COLUMNS)} |",
            "|---" * len(COMMIT_COLUMNS) + "|",
            *commits,
            "",
            "How fast a server process reads along, as each does, when no socket of it hears an",
            "event; the time until it looks by itself, up to a second, included:",
            "",
            f"| {' | '.join(READ_COLUMNS)} |",
            "|---" * len(READ_COLUMNS) + "|",
            reading,
            "",
        ]
    )


def row_of_commits(floor: Floor, connections: int, asked: argparse.Namespace) -> str:
    rates: dict[str, list[float]] = {ONE: [], ELSEWHERE: []}
    for _ in range(asked.rounds):
        tell(f"commits from {connections} connections")
        for script, found in rates.items():
            found.append(floor.pgbench(script, connections=connections, seconds=asked.seconds))
    medians = [f"{statistics.median(found):,.0f}" for found in rates.values()]
    return f"| {connections} | {' | '.join(medians)} |"


def row_of_reading(floor: Floor, serving: Serving, rounds: int) -> str:
    """One socket is open, so that the log is read, and hears another channel."""
    rates, costs = [], []
    process = psutil.Process(serving.process.pid)
    listening = socket.create_connection(("127.0.0.1", serving.port("WS_PORT")))
    with listening as listener, floor.connect() as link:
        listener.sendall(HANDSHAKE)
        wait_for(serving, head(link))
        for _ in range(rounds):
            tell(f"{EVENTS:,} events that nobody hears")
            link.execute(MANY)
            began, spent = time.perf_counter(), cpu_seconds([process])
            wait_for(serving, head(link))
            rates.append(EVENTS / (time.perf_counter() - began))
            costs.append(1e6 * (cpu_seconds([process]) - spent) / EVENTS)
    return f"| {EVENTS:,} | {statistics.median(rates):,.0f} | {statistics.median(costs):.1f} |"


def head(link: "psycopg.Connection[Any]") -> int:
    row = link.execute("SELECT seq FROM realtime_eventhead").fetchone()
    assert row is not None
    return int(row[0])


def wait_for(serving: Serving, seq: int) -> None:
    """Until the server has read the event of this number."""
    while _position(serving) < seq:
        time.sleep(0.02)


def _position(serving: Serving) -> int:
    reply = httpx.get(f"http://127.0.0.1:{serving.port('PORT')}/metrics").raise_for_status()
    (line,) = [each for each in reply.text.splitlines() if each.startswith(POSITION)]
    return int(float(line.split()[-1]))
