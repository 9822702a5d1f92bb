"""How long a host waits for dcm-hook, start to exit.

With the server up, with nothing listening, and with a server that never answers; beside it what
Python takes to start and do nothing.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.machine import machine
from tests.client.hooks import PROGRAM, hang, nowhere, strange_server, tool_call
from tests.serve.serving import Serving, temporary_home

RUNS = 200
TARGET_MS = 60
LONGEST_MS = 1_000
NOTHING = (sys.executable, "-c", "pass")
HOOK = (str(PROGRAM),)


def report(asked: argparse.Namespace) -> str:
    rows = [row("(Python alone)", measure(NOTHING, "", RUNS))]
    with temporary_home() as home, Serving(home) as serving:
        url = f"http://127.0.0.1:{serving.port('PORT')}"
        rows.append(row("up", measure(HOOK, url, RUNS), TARGET_MS))
    rows.append(row("down", measure(HOOK, nowhere(), RUNS), TARGET_MS))
    with strange_server(hang) as url:
        rows.append(row("hanging", measure(HOOK, url, RUNS // 10), LONGEST_MS))
    head = "| Server | Runs | Median ms | p99 ms | Longest ms | Target of the median |"
    lines = ["# dcm-hook", "", f"{machine()}.", "", head, "|---" * 6 + "|", *rows, ""]
    return "\n".join(lines)


def measure(command: tuple[str, ...], url: str, runs: int) -> list[float]:
    """Milliseconds of each run; a spool that fills is part of it."""
    spool = tempfile.mkdtemp(prefix="dcm-spool-")
    environment = {"DCM_URL": url, "DCM_SPOOL": spool, "PATH": "/usr/bin:/bin"}
    try:
        return [run(command, environment, number) for number in range(runs)]
    finally:
        shutil.rmtree(spool)


def run(command: tuple[str, ...], environment: dict[str, str], number: int) -> float:
    event = tool_call(number, tool_input={"command": "ls -l " * 50}, tool_response="x" * 2_000)
    stdin = json.dumps(event).encode()
    began = time.perf_counter()
    subprocess.run(command, input=stdin, env=environment, check=True, capture_output=True)
    return (time.perf_counter() - began) * 1000


def row(server: str, taken: list[float], target: int | None = None) -> str:
    median = statistics.median(taken)
    p99 = sorted(taken)[round(0.99 * (len(taken) - 1))]
    verdict = "" if target is None else f"{target} {'met' if median <= target else 'missed'}"
    figures = f"{len(taken)} | {median:.0f} | {p99:.0f} | {max(taken):.0f}"
    return f"| {server} | {figures} | {verdict} |"
