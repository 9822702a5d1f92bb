"""How long a search takes among a million actions.

It takes some minutes, most of them to make the actions.
"""

import argparse
import statistics
import time
from typing import Any

import httpx
import psycopg

from sessions_app.search.kinds import KINDS
from tests.benchmarks.floor import Floor
from tests.benchmarks.machine import machine
from tests.serve.serving import Serving, temporary_home

ACTIONS = 1_000_000
ROUNDS = 20
PROJECT = "0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11"
# Words as skewed as in real code: a few are everywhere, most are rare.
FILL = """
INSERT INTO projects_project (id, path, created_at, updated_at, metadata)
VALUES (%(project)s, '/srv/p3', now(), now(), '{}');
INSERT INTO projects_action
  (id, session_id, project_path, tool_name, tool_type, input, file_paths, exit_code, created_at)
SELECT gen_random_uuid(), 'session-' || g %% 1000, '/srv/p' || g %% 20, 'Edit', 'builtin',
  '{"file_path":"/srv/p' || g %% 20 || '/src/module' || (3000 * random() ^ 3)::int || '/views'
  || (200 * random())::int || '.py","old_string":"word' || (20000 * random() ^ 4)::int
  || ' word' || (20000 * random() ^ 4)::int || ' word' || (20000 * random() ^ 4)::int
  || '","new_string":"def handle_' || (30000 * random())::int || '(request): return word'
  || (20000 * random() ^ 4)::int || CASE WHEN g %% 1000 = 0 THEN ' migration' ELSE '' END
  || CASE WHEN g %% 11 = 0 THEN ' login' ELSE '' END || '"}',
  '{}', 0, now() - g * interval '10 s'
FROM generate_series(1, %(actions)s) g
"""
CASES: dict[str, dict[str, str]] = {
    "an identifier, 1 in 30,000": {"q": "handle_12345"},
    "a path": {"q": "src/module17/views33.py"},
    "a word, 1 in 1,000": {"q": "migration"},
    "a word, 1 in 11": {"q": "login"},
    "that, in one project": {"q": "login", "project_id": PROJECT},
    "that, in one session": {"q": "login", "session_id": "session-30"},
    "a word in all of them": {"q": "srv"},
    "a phrase in all of them": {"q": "new_string"},
    "a phrase in none, of words in all": {"q": '"srv old_string"'},
    "an unknown word": {"q": "nowhere"},
}


def report(asked: argparse.Namespace) -> str:
    with temporary_home() as home, Serving(home) as serving:
        return _report(serving, Floor(home), ACTIONS)


def _report(serving: Serving, floor: Floor, actions: int) -> str:
    with floor.connect() as link:
        parameters = {"project": PROJECT, "actions": actions}
        psycopg.ClientCursor(link).execute(FILL, parameters)
        link.execute("VACUUM ANALYZE projects_action")
        table, index = sizes(link)
        plan = plan_of(link, CASES["a path"]["q"])
    with httpx.Client(base_url=f"http://127.0.0.1:{serving.port('PORT')}", timeout=30) as client:
        rows = [row(name, *timed(client, query)) for name, query in CASES.items()]
    return "\n".join(
        [
            "# GET /api/search",
            "",
            f"{machine()}. Embedded PostgreSQL, {actions:,} actions with inputs of some 170",
            f"characters, over HTTP, all kinds, {ROUNDS} rounds each. The index takes {index},",
            f"the table with all its indexes {table}.",
            "",
            "| Query | Found on the page | Median ms | Slowest ms |",
            "|---|---|---|---|",
            *rows,
            "",
            "How the rows with the words of a path are found:",
            "",
            "```",
            *plan,
            "```",
            "",
        ]
    )


def sizes(link: "psycopg.Connection[Any]") -> tuple[str, str]:
    found = link.execute(
        "SELECT pg_size_pretty(pg_total_relation_size('projects_action')),"
        " pg_size_pretty(pg_relation_size('action_words'))"
    ).fetchone()
    assert found is not None
    return found[0], found[1]


def plan_of(link: "psycopg.Connection[Any]", text: str) -> list[str]:
    kind = KINDS["action"]
    words = text.replace("/", " ").replace(".", " ")
    statement = (
        f"EXPLAIN (ANALYZE, COSTS OFF) SELECT id, created_at FROM {kind.table}"
        f" WHERE {kind.words} @@ websearch_to_tsquery('english', '{words}')"
    )
    lines = [line for (line,) in link.execute(statement).fetchall()]
    return [line.replace(kind.words, "<the words>")[:160] for line in lines]


def timed(client: httpx.Client, query: dict[str, str]) -> tuple[int, list[float]]:
    """How many were found, and the milliseconds of each round."""
    times = []
    for _ in range(ROUNDS):
        began_at = time.perf_counter()
        reply = client.get("/api/search", params=query).raise_for_status().json()
        times.append(1000 * (time.perf_counter() - began_at))
    return reply["count"], times


def row(name: str, found: int, times: list[float]) -> str:
    return f"| {name} | {found} | {statistics.median(times):.1f} | {max(times):.1f} |"
