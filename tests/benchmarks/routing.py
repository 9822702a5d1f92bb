"""How long a suggestion takes with a million keyword scores, and how PostgreSQL finds it."""

import argparse
import os
import statistics
import time
from typing import Any

import django
import httpx
import psycopg

from tests.benchmarks.floor import Floor
from tests.benchmarks.machine import machine
from tests.benchmarks.scores import (
    KEYWORDS,
    PROJECT,
    TOOLS,
    fill_common_scores,
    fill_scores_of_project,
    words,
)
from tests.serve.serving import Serving, temporary_home

ROUNDS = 200
TARGET_MS = 5
CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "one keyword": (1, {}),
    "ten keywords": (10, {}),
    "ten keywords, explained": (10, {"explain": True}),
    "ten keywords, of a project": (10, {"project_id": PROJECT}),
    "ten keywords, aged": (10, {"half_life_days": 30}),
}


def report(asked: argparse.Namespace) -> str:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")
    django.setup()
    with temporary_home() as home, Serving(home) as serving:
        return _report(serving, Floor(home))


def _report(serving: Serving, floor: Floor) -> str:
    from routing.selectors import suggestion_query

    with floor.connect() as link:
        fill_common_scores(link)
        fill_scores_of_project(link)
        for _ in range(ROUNDS):
            timed_query(link, 10)  # what is read often is in memory
        timed = {
            name: [timed_query(link, count, **more) for _ in range(ROUNDS)]
            for name, (count, more) in CASES.items()
        }
        statement, parameters = suggestion_query(keywords=words(10))
        plan = link.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {statement}", parameters).fetchall()
    over_http = timed_requests(serving.port("PORT"))
    rows = [row(name, times) for name, times in timed.items()]
    return "\n".join(
        [
            "# GET /api/routing/suggest",
            "",
            f"{machine()}.",
            f"{KEYWORDS * TOOLS:,} scores of all projects and as many of one, {TOOLS} tools for",
            f"each keyword, so that ten keywords have {10 * TOOLS} rows. Embedded PostgreSQL,",
            f"{ROUNDS} rounds with other keywords each. Target: a median under {TARGET_MS} ms.",
            "",
            "| Query | Median ms | p99 ms | Target |",
            "|---|---|---|---|",
            *rows,
            row("ten keywords, over HTTP", over_http),
            "",
            "```",
            *(line for (line,) in plan),
            "```",
            "",
        ]
    )


def timed_query(link: "psycopg.Connection[Any]", count: int, **more: Any) -> float:
    """Milliseconds until the rows are here."""
    from routing.selectors import suggestion_query

    statement, parameters = suggestion_query(keywords=words(count), **more)
    began_at = time.perf_counter()
    found = link.execute(statement, parameters).fetchall()
    took = 1000 * (time.perf_counter() - began_at)
    assert len(found) == 10
    return took


def timed_requests(port: int) -> list[float]:
    times = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(ROUNDS):
            query = {"keywords": ",".join(words(10))}
            began_at = time.perf_counter()
            client.get("/api/routing/suggest", params=query).raise_for_status()
            times.append(1000 * (time.perf_counter() - began_at))
    return times


def row(name: str, times: list[float]) -> str:
    median = statistics.median(times)
    p99 = statistics.quantiles(times, n=100)[98]
    met = "met" if median < TARGET_MS else "missed"
    return f"| {name} | {median:.2f} | {p99:.2f} | {met} |"
