"""What an action and each kind of read cost when there are ten thousand actions, and ten million.

Filling takes longest: about a minute for a million, ten for ten million (--largest).
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from tests.benchmarks import load
from tests.benchmarks.floor import Floor
from tests.benchmarks.load import get
from tests.benchmarks.machine import machine, tell
from tests.benchmarks.plot import Curve, plot
from tests.benchmarks.reports import REPORTS
from tests.serve.serving import Serving, temporary_home

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
ROUNDS = 100
PER_SESSION = 500
"""Actions of a session, and so there are more sessions with more actions."""

FILL = """
INSERT INTO projects_action (id, session_id, project_path, tool_name, tool_type, input, file_paths,
                             exit_code, duration_ms, created_at)
SELECT gen_random_uuid(), 'session-' || g / %(per_session)s, '/srv/p' || g %% 20, 'Edit', 'builtin',
  'word' || (5000 * random() ^ 3)::int || ' word' || (5000 * random() ^ 3)::int || ' src/module'
  || (3000 * random())::int || '.py handle_' || (30000 * random())::int || repeat(' x', 40),
  ARRAY['/srv/p' || g %% 20 || '/src/module' || (3000 * random())::int || '.py'], 0,
  (2000 * random())::int, now() - (%(to)s - g) * interval '0.1 s'
FROM generate_series(%(after)s + 1, %(to)s) g
"""
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), pg_relation_size(indexrelid)
FROM pg_index WHERE indrelid = 'projects_action'::regclass AND NOT indisprimary ORDER BY 1
"""
SIZE = """
SELECT count(*), pg_table_size('projects_action'), pg_relation_size('projects_action_pkey')
FROM projects_action
"""
SESSION = "session-7"


@dataclass
class Grown:
    """At one size. milliseconds: the median of each read; bytes: per action, of table and index."""

    actions: int
    per_second: float
    p99_ms: float
    milliseconds: dict[str, float]
    bytes: dict[str, float]


READS: dict[str, Callable[[httpx.Client], str]] = {
    "newest page": lambda _: "/api/actions?limit=100",
    "a page from the middle": lambda api: f"/api/actions?limit=100&cursor={_middle(api)}",
    "of a session": lambda _: f"/api/actions?limit=100&session_id={SESSION}",
    "brief": lambda _: f"/api/context/backend?session_id={SESSION}",
    "suggestion": lambda _: "/api/routing/suggest?keywords=word0001,word0002,word0003",
    "search, a rare word": lambda _: "/api/search?q=handle_12345",
    "actions per hour": lambda _: "/api/actions/hourly",
}


def report(asked: argparse.Namespace) -> str:
    grown: list[Grown] = []
    with temporary_home() as home, Serving(home, SLOW_QUERY_MS="0") as serving:
        floor = Floor(home)
        before = 0
        for size in SIZES:
            if size > asked.largest:
                break
            tell(f"{size:,} actions")
            with floor.connect() as link:
                _fill(link, before, size)
            before = size
            grown.append(_measure(serving, floor, size, asked.seconds))
    _write_plot(asked, grown)
    return _text(grown)


def _fill(link: "psycopg.Connection[Any]", after: int, to: int) -> None:
    with _without_indexes(link):
        parameters = {"after": after, "to": to, "per_session": PER_SESSION}
        psycopg.ClientCursor(link).execute(FILL, parameters)
    link.execute("VACUUM ANALYZE projects_action")


@contextmanager
def _without_indexes(link: "psycopg.Connection[Any]") -> Iterator[None]:
    """Making them anew afterwards is much faster than adding to them."""
    made = link.execute(INDEXES).fetchall()
    for name, *_ in made:
        link.execute(f"DROP INDEX {name}")
    yield
    link.execute("SET maintenance_work_mem = '1GB'")
    for _, definition, _ in made:
        link.execute(definition)


def _measure(serving: Serving, floor: Floor, size: int, seconds: float) -> Grown:
    port = serving.port("PORT")
    load.run(port, load.actions(), connections=32, seconds=seconds)
    written = load.run(port, load.actions(), connections=32, seconds=seconds)
    milliseconds = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as api:
        for name, path in READS.items():
            where = path(api)
            api.get(where).raise_for_status()
            request = get(where)
            load.run(port, [request], connections=1, seconds=seconds / 5)
            read = load.run(port, [request], connections=1, seconds=seconds / 2)
            milliseconds[name] = read.p50_ms
    with floor.connect() as link:
        sizes = _bytes(link)
    return Grown(size, written.per_second, written.p99_ms, milliseconds, sizes)


def _middle(api: httpx.Client) -> str:
    page = api.get("/api/actions?limit=1&offset=5000").raise_for_status().json()
    return str(page["next_cursor"])


def _bytes(link: "psycopg.Connection[Any]") -> dict[str, float]:
    """Per action: the rows, and each index."""
    row = link.execute(SIZE).fetchone()
    assert row is not None
    count, table, key = row
    indexes = {name: size / count for name, _, size in link.execute(INDEXES).fetchall()}
    return {"rows": table / count, "primary key": key / count, **indexes}


def _write_plot(asked: argparse.Namespace, grown: list[Grown]) -> None:
    if asked.write:
        sizes = [each.actions for each in grown]
        curves = [Curve(name, [each.milliseconds[name] for each in grown]) for name in READS]
        curves.append(Curve("one action of 32 at once", [32_000 / g.per_second for g in grown]))
        plot(REPORTS / "growth.svg", "Milliseconds by stored actions", sizes, curves)


def _text(grown: list[Grown]) -> str:
    sizes = [f"{each.actions:,}" for each in grown]
    lines = [
        "# Growth",
        "",
        f"{machine()}. Embedded PostgreSQL with its default settings, one server process.",
        "Medians of reads over one connection in milliseconds; actions are posted over 32.",
        "",
        f"| | {' | '.join(sizes)} |",
        "|---" * (len(sizes) + 1) + "|",
        _row("actions posted, per second", [f"{each.per_second:,.0f}" for each in grown]),
        _row("their p99, ms", [f"{each.p99_ms:.0f}" for each in grown]),
        *(_row(name, [f"{each.milliseconds[name]:.1f}" for each in grown]) for name in READS),
        "",
        "![Milliseconds by stored actions](growth.svg)",
        "",
        "Bytes per action, of its row and of each index:",
        "",
        f"| | {' | '.join(sizes)} |",
        "|---" * (len(sizes) + 1) + "|",
        *(_row(name, [f"{g.bytes[name]:.0f}" for g in grown]) for name in grown[-1].bytes),
        _row("all", [f"{sum(each.bytes.values()):.0f}" for each in grown]),
        "",
    ]
    return "\n".join(lines)


def _row(name: str, figures: list[str]) -> str:
    return f"| {name} | {' | '.join(figures)} |"
