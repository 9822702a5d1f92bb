"""POST /api/actions, beside the same work by pgbench on the same PostgreSQL."""

import argparse
import statistics
from pathlib import Path

import psutil

from tests.benchmarks import load
from tests.benchmarks.floor import Floor
from tests.benchmarks.load import Load
from tests.benchmarks.machine import machine, tell
from tests.serve.serving import Serving, temporary_home

CONNECTIONS = (1, 8, 32)
TARGETS = {1: 0.3, 32: 1.5}
COLUMNS = (
    *("Connections", "Server, req/s", "p50 ms", "p99 ms"),
    *("Floor, commit each", "Ratio", "Target", "Floor, one commit", "Ratio"),
)
MOST_MEGABYTES = 150
ENOUGH_ACTIONS = 20_000


def report(asked: argparse.Namespace) -> str:
    with temporary_home() as home, Serving(home) as serving:
        return _report(serving, Floor(home), asked.rounds, asked.seconds)


def _report(serving: Serving, floor: Floor, rounds: int, seconds: float) -> str:
    rows = []
    for connections in CONNECTIONS:
        pairs = []
        for _ in range(rounds):
            tell(f"POST /api/actions, {connections} connections")
            each = floor.run(connections=connections, seconds=seconds, commits="each")
            one = floor.run(connections=connections, seconds=seconds, commits="one")
            pairs.append((each, one, drive(serving, connections, seconds)))
        rows.append(row(connections, pairs))
    with floor.connect() as link:
        found = link.execute(
            "SELECT count(*), pg_total_relation_size('projects_action') FROM projects_action"
        ).fetchone()
    assert found is not None
    count, size = found
    while count < ENOUGH_ACTIONS:
        before = count
        tell(f"{ENOUGH_ACTIONS - count:,} more actions")
        count += round(drive(serving, 32, seconds).per_second * seconds)
        assert count > before
    peak = sum(map(peak_megabytes, server_processes(serving)))
    return "\n".join(
        [
            "# POST /api/actions",
            "",
            f"{machine()}. One server process, embedded PostgreSQL, {rounds} rounds of",
            f"{seconds:g} s each, medians. The floor is the same work (one action row, ten keyword",
            "upserts) by pgbench, at as many connections, in turns with the server: with a commit",
            "for each statement, as the original does it, and with one commit per action.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
            *rows,
            "",
            f"Peak memory of the server after {count:,} actions: {peak:.0f} MB (target: under",
            f"{MOST_MEGABYTES}). Bytes per stored action with its indexes: {size // count:,}.",
            "",
        ]
    )


def drive(serving: Serving, connections: int, seconds: float) -> Load:
    found = load.run(serving.port("PORT"), load.actions(), connections=connections, seconds=seconds)
    if found.failures:
        raise SystemExit(f"{found.failures} requests failed")
    return found


def row(connections: int, pairs: list[tuple[float, float, Load]]) -> str:
    ratio = statistics.median(reached.per_second / each for each, _, reached in pairs)
    target = TARGETS.get(connections)
    figures = [
        str(connections),
        f"{statistics.median(reached.per_second for _, _, reached in pairs):,.0f}",
        f"{statistics.median(reached.p50_ms for _, _, reached in pairs):.1f}",
        f"{statistics.median(reached.p99_ms for _, _, reached in pairs):.1f}",
        f"{statistics.median(each for each, _, _ in pairs):,.0f}",
        f"{ratio:.2f}",
        "" if target is None else f"{target:.1f} {'met' if ratio >= target else 'missed'}",
        f"{statistics.median(one for _, one, _ in pairs):,.0f}",
        f"{statistics.median(reached.per_second / one for _, one, reached in pairs):.2f}",
    ]
    return f"| {' | '.join(figures)} |"


def server_processes(serving: Serving) -> list[psutil.Process]:
    return [psutil.Process(serving.process.pid), *serving.workers()]


def peak_megabytes(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
