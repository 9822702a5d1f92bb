"""How long a brief takes, and how much of what agents ask after a compaction it tells."""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django
from django.test.utils import setup_databases, teardown_databases

# Before anything of Django.
import tests.environment

ACTIONS = 100_000
ROUNDS = 50
TARGET_MS = 10


def report(asked: argparse.Namespace) -> str:
    from dcm.lib.embedded import EmbeddedPostgres

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")
    server = EmbeddedPostgres(tests.environment.HOME)
    server.start()
    try:
        django.setup()
        made = setup_databases(verbosity=0, interactive=False)
        try:
            return _report()
        finally:
            teardown_databases(made, verbosity=0)
    finally:
        server.stop()


def _report() -> str:
    from tests.benchmarks.machine import machine, tell
    from tests.evaluation.score import record_all, table

    tell("recorded runs")
    recordings = record_all()
    shares = table(recordings)
    tell(f"{ACTIONS:,} actions")
    add_actions(recordings[0], ACTIONS - sum(each.actions for each in recordings))
    steps = measure(recordings[0])
    rows = [
        f"| {name} | {statistics.median(ms):.1f} | {min(ms):.1f} | {statistics.median(cpu):.1f} |"
        for name, ms, cpu in steps
    ]
    return "\n".join(
        [
            "# Briefs",
            "",
            f"{machine()}, embedded PostgreSQL.",
            "",
            f"## Time, with {ACTIONS:,} actions",
            "",
            "One session with nearly all of the actions, half of them of the agent that asks;",
            f"{ROUNDS} rounds. Milliseconds; processor time is that of the server process alone.",
            f"Target: gathering takes under {TARGET_MS} ms. Load of the machine at the end:",
            f"{os.getloadavg()[0]:.1f}; above its number of cores the figures include waiting.",
            "",
            "| Step | Median | Fastest | Processor, median |",
            "|---|---|---|---|",
            *rows,
            "",
            "## What a brief tells",
            "",
            "The share of the questions an agent would have after a compaction whose answer is in",
            "its brief, at three sizes, beside the algorithm of the original service at the same",
            "`max_tokens`. The runs and the questions are in `tests/evaluation`. The original",
            "counts a token for four characters, so its briefs of one size are really longer.",
            "",
            shares,
            "",
        ]
    )


def add_actions(recording: Any, many: int) -> None:
    """To the first run: every other one by the agent that asks, each with some text."""
    from django.db import connection
    from django.utils import timezone

    from projects.models import Action, Subtask

    ids = Subtask.objects.filter(task__request__session_id=recording.session_id)
    subtasks = list(ids.exclude(agent_id=AGENT_ID).values_list("id", flat=True))
    (own,) = ids.filter(agent_id=AGENT_ID).values_list("id", flat=True)
    begin = timezone.now() - timedelta(hours=6)
    root = recording.facts["project"]["path"]
    for start in range(0, many, 5_000):
        Action.objects.bulk_create(
            Action(
                subtask_id=own if number % 2 else subtasks[number // 2 % len(subtasks)],
                session_id=recording.session_id,
                tool_name=("Edit", "Read", "Bash")[number % 3],
                tool_type="builtin",
                input='{"text":"' + "some text of an input " * 40 + '"}',
                file_paths=[f"{root}/src/part{number % 97}/file{number % 1_009}.py"],
                created_at=begin + timedelta(milliseconds=number * 100),
            )
            for number in range(start, min(start + 5_000, many))
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


AGENT_ID = "agt_61b0aa"


def measure(recording: Any) -> list[tuple[str, list[float], list[float]]]:
    from django.utils import timezone

    from sessions_app.briefs import generate_brief, wanted_by
    from sessions_app.briefs.budget import fitted, read
    from sessions_app.briefs.gather import gather
    from sessions_app.briefs.news import place_in_log
    from sessions_app.briefs.recall import recall
    from sessions_app.briefs.render import render

    who = {"agent_id": AGENT_ID, "session_id": recording.session_id}
    wanted = wanted_by(**who, agent_type="backend-laravel", max_tokens=1_000)
    material = gather(wanted, place_in_log(None))
    marked = render(wanted, material, timezone.now())
    steps: list[tuple[str, Callable[[], object]]] = [
        ("gather", lambda: gather(wanted, place_in_log(None))),
        ("recall earlier work", lambda: recall(material)),
        ("rank and render", lambda: render(wanted, material, timezone.now())),
        ("fit to 1,000 tokens", lambda: fitted(read(marked), 1_000)),
        ("all", lambda: generate_brief(**who, agent_type="backend-laravel", max_tokens=1_000)),
    ]
    return [(name, *timed(step)) for name, step in steps]


def timed(step: Callable[[], object]) -> tuple[list[float], list[float]]:
    elapsed, processor = [], []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        step()
        elapsed.append(1_000 * (time.perf_counter() - began))
        processor.append(1_000 * (time.process_time() - used))
    return elapsed, processor
