"""Where the time of one request goes, at 32 connections."""

import argparse
import json
import signal
import statistics
import time
from collections import Counter
from pathlib import Path

import httpx

from tests.benchmarks import stages, workloads
from tests.benchmarks.floor import Floor
from tests.benchmarks.machine import machine, tell
from tests.serve.serving import Serving, temporary_home

CONNECTIONS = 32
WORKLOADS = (
    *("GET /health", "POST /api/messages", "POST /api/actions", "GET /api/messages/:agent"),
    "GET /api/context/:agent",
)
STAGES = {
    "uvicorn": stages.UVICORN,
    "Handler": stages.HANDLER,
    "View": stages.VIEW,
    "Service": stages.SERVICE,
    "libpq": stages.LIBPQ,
    "Event log": stages.HUB,
}
COLUMNS = (
    *("Request", *STAGES, "Loop, threads", "Sum", "Unwatched", "PostgreSQL", "Requests a trip"),
    "Wait for a trip, ms",
)
NOTES = """\
- *uvicorn*: reading and parsing the request, writing the reply. *Handler*: ours and the
  middleware of every request, to the reply's headers. *View*: reading the body, and the reply.
  *Service*: Python in the thread of the batch or read. *libpq*: sending statements and taking
  their results. *Event log*: reading it for the sockets. *Loop, threads*: what is left: the event
  loop, writing to sockets, waking threads and loop.
- *Sum* is of a server with its clocks read, *Unwatched* of one without, in turns.
- *Wait* is for PostgreSQL, and then for a turn in Python; the thread spends nothing meanwhile.
- *PostgreSQL* works beside the server, on the other core; what it spends is not in the sum.

What could not be had from Python: *uvicorn* and most of *Loop, threads* are below anything that is
ours, and a batch costs its thread two changes of turn for each trip, whatever it does. A request
that does nothing costs all but *Service*, *libpq* and *Event log*: that is the floor of every
other, and only a second process, a second core, is a way around it.
"""


class Watched(Serving):
    program = ("-m", "tests.benchmarks.stages")

    def totals(self) -> Counter[str]:
        told = Path(self.environment["STAGES"])
        told.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        while not (told.exists() and (text := told.read_text())):
            time.sleep(0.01)
        return Counter(json.loads(text))


def report(asked: argparse.Namespace) -> str:
    lines = []
    with (
        temporary_home() as home,
        temporary_home() as other,
        Watched(home, STAGES=str(home / "stages.json")) as watched,
        Serving(other) as plain,
    ):
        for folder in (home, other):
            workloads.store_actions(Floor(folder))
        for workload in workloads.WORKLOADS:
            if workload.name in WORKLOADS:
                tell(workload.name)
                requests = _prepared(workload, watched), _prepared(workload, plain)
                rounds = [_round(watched, plain, *requests, asked) for _ in range(asked.rounds)]
                medians = [statistics.median(figures) for figures in zip(*rounds, strict=True)]
                figures = [*(f"{figure:.0f}" for figure in medians[:-1]), f"{medians[-1]:.1f}"]
                lines.append(f"| {workload.name} | {' | '.join(figures)} |")
    return "\n".join(
        [
            "# Where a request's time goes",
            "",
            f"{machine()}. One server process, {CONNECTIONS} connections, {asked.rounds} rounds of",
            f"{asked.seconds:g} s, medians: microseconds of processor time per request.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
            *lines,
            "",
            NOTES,
        ]
    )


def _prepared(workload: workloads.Workload, serving: Serving) -> list[str]:
    """What to send; the server has seen some of it, and has its plans and modules."""
    with httpx.Client(base_url=f"http://127.0.0.1:{serving.port('PORT')}", timeout=30) as api:
        requests = workload.requests(workloads.Stage(api, Floor(serving.home)))
    workloads.measured(serving, requests, CONNECTIONS, 1)
    return requests


def _round(
    watched: Watched,
    plain: Serving,
    for_watched: list[str],
    for_plain: list[str],
    asked: argparse.Namespace,
) -> list[float]:
    """The figures of one line."""
    unwatched = workloads.measured(plain, for_plain, CONNECTIONS, asked.seconds)
    before = watched.totals()
    found = workloads.measured(watched, for_watched, CONNECTIONS, asked.seconds)
    spent = watched.totals()
    spent.subtract(before)
    trips = max(1, spent[stages.TRIPS])
    each = [spent[name] / spent[stages.REQUESTS] / 1_000 for name in STAGES.values()]
    whole = 1_000 * found.server_cpu
    return [
        *each,
        whole - sum(each),
        whole,
        1_000 * unwatched.server_cpu,
        1_000 * found.database_cpu,
        spent[stages.REQUESTS] / trips,
        spent[stages.WAITED] / trips / 1e6,
    ]
