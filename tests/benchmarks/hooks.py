"""What a hook costs: how long its host waits, and processor time, at 100,000 actions."""

import argparse
import statistics
import time
from typing import Any

import httpx
import psutil

from tests.benchmarks.floor import Floor
from tests.benchmarks.machine import machine
from tests.serve.serving import Serving, postgres_of, temporary_home

ROUNDS = 1_000
ACTIONS = 100_000
TARGET_MS = 15
FOLDER = "/srv/shop"
FILL = """
INSERT INTO projects_action (id, tool_name, tool_type, input, file_paths, exit_code, session_id,
  project_path, created_at)
SELECT gen_random_uuid(), 'Bash', 'builtin', 'make check', '{}', 0, 'run-' || n %% 50, %(folder)s,
  now() - n * interval '1 second'
FROM generate_series(1, %(actions)s) n
"""


def report(asked: argparse.Namespace) -> str:
    with temporary_home() as home, Serving(home) as serving:
        url = f"http://127.0.0.1:{serving.port('PORT')}"
        with httpx.Client(base_url=url) as client, Floor(home).connect() as link:
            send(client, "SessionStart", source="startup")
            link.execute(FILL, {"actions": ACTIONS, "folder": FOLDER})
            link.execute("ANALYZE")
            rounds(client, 100)
            before = cpu_seconds(serving)
            taken = rounds(client, ROUNDS)
            used = [after - was for after, was in zip(cpu_seconds(serving), before, strict=True)]
    of_server, of_database = (round(1e6 * each / (2 * ROUNDS)) for each in used)
    head = "| Hook | Median ms | p99 ms | Target of the p99 |"
    about = f"{machine()}.\nEmbedded PostgreSQL, {ACTIONS:,} actions; {ROUNDS} tool calls, one"
    about += f" connection. Processor time of a\nhook: {of_server} µs of the server, {of_database}"
    about += " µs of PostgreSQL."
    rows = [row(name, times) for name, times in taken.items()]
    title = "# POST /api/hooks/claude-code"
    return "\n".join([title, "", about, "", head, "|---" * 4 + "|", *rows, ""])


def rounds(client: httpx.Client, count: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {"PreToolUse": [], "PostToolUse": []}
    for n in range(count):
        call = {"tool_name": "Bash", "tool_input": {"command": "make check"}}
        call["tool_use_id"] = f"toolu_{time.monotonic_ns()}_{n}"
        taken["PreToolUse"].append(send(client, "PreToolUse", **call))
        taken["PostToolUse"].append(send(client, "PostToolUse", **call, tool_response="ok"))
    return taken


def send(client: httpx.Client, name: str, **fields: Any) -> float:
    """Milliseconds until the host may go on."""
    event = {"hook_event_name": name, "session_id": "run-1", "cwd": FOLDER, **fields}
    began_at = time.perf_counter()
    client.post("/api/hooks/claude-code", json=event).raise_for_status()
    return 1000 * (time.perf_counter() - began_at)


def cpu_seconds(serving: Serving) -> tuple[float, float]:
    """Of the server's own process, and of its PostgreSQL."""
    database = {each.pid: each for each in postgres_of(serving.home)}
    return _seconds(psutil.Process(serving.process.pid)), sum(map(_seconds, database.values()))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def row(name: str, times: list[float]) -> str:
    p99 = statistics.quantiles(times, n=100)[98]
    met = "met" if p99 < TARGET_MS else "missed"
    return f"| {name} | {statistics.median(times):.2f} | {p99:.2f} | {met} |"
