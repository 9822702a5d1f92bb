"""How long a host waits before an edit, in a project full of leases."""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import httpx
import psycopg

from tests.benchmarks.floor import Floor
from tests.benchmarks.machine import machine
from tests.serve.serving import Serving, temporary_home

ROUNDS = 300
LEASES = 9_600  # and one more for each round, so that the last take is the ten thousandth
TARGET_MS = 15
FOLDER = "/srv/shop"
# Of three kinds: files, folders, and names anywhere, which each edit has to be compared with.
FILL = """
INSERT INTO projects_lease (id, project_id, agent_id, pattern, key, stem, likeness,
  is_shared, is_implicit, token, expires_at)
SELECT gen_random_uuid(), project.id, 'lead', made.key, made.key, made.stem, made.likeness,
  false, false, 0, now() + interval '1 hour'
FROM projects_project project, generate_series(1, %(leases)s) n, LATERAL (
  SELECT * FROM (VALUES
    (0, 'src/m' || n || '.py', 'src/m' || n || '.py', 'src/m' || n || '.py/%%'),
    (1, 'lib/p' || n, 'lib/p' || n, 'lib/p' || n || '/%%'),
    (2, '**/test_' || n || '.py', '', '%%test\\_' || n || '.py/%%')
  ) AS kinds(kind, key, stem, likeness) WHERE kind = n %% 3
) made WHERE project.path = %(folder)s
"""


def report(asked: argparse.Namespace) -> str:
    with temporary_home() as home, Serving(home) as serving:
        url = f"http://127.0.0.1:{serving.port('PORT')}"
        with httpx.Client(base_url=url) as client, Floor(home).connect() as link:
            return _report(client, link)


def _report(client: httpx.Client, link: "psycopg.Connection[Any]") -> str:
    send(client, "SessionStart", source="startup")
    empty = {"an edit of a file that the agent holds, no other lease": held(client)}
    project = client.get("/api/projects/by-path", params={"path": FOLDER}).json()["project"]
    client.put(f"/api/leases/mode/{project['id']}", json={"mode": "enforce"})
    link.execute(FILL, {"leases": LEASES, "folder": FOLDER})
    link.execute("ANALYZE projects_lease")
    link.commit()
    calls: dict[str, Callable[[int], float]] = {
        "a read": lambda n: send(client, "PreToolUse", tool_name="Read"),
        "an edit of a file that the agent holds": lambda n: edit(client, "app/held.py"),
        "a first edit of a file": lambda n: edit(client, f"app/{n}.py"),
        "an edit that is denied": lambda n: edit(client, "lib/p1/a.py", denied=True),
    }
    timed = empty | {name: [] for name in calls}
    for n in range(ROUNDS):
        for name, call in calls.items():
            timed[name].append(call(n))
    head = "| PreToolUse | Median ms | p99 ms | Target of the p99 |"
    about = f"{machine()}.\nEmbedded PostgreSQL, {LEASES:,} leases of another agent in the project"
    about += f" and up to {ROUNDS} of\nthe agent's own; {ROUNDS} rounds, one connection."
    rows = [row(name, times) for name, times in timed.items()]
    title = "# POST /api/hooks/claude-code before an edit"
    return "\n".join([title, "", about, "", head, "|---" * 4 + "|", *rows, ""])


def held(client: httpx.Client) -> list[float]:
    return [edit(client, "app/held.py") for _ in range(ROUNDS)]


def edit(client: httpx.Client, path: str, *, denied: bool = False) -> float:
    tool_input = {"file_path": f"{FOLDER}/{path}", "old_string": "a", "new_string": "b"}
    return send(client, "PreToolUse", denied=denied, tool_name="Edit", tool_input=tool_input)


def send(client: httpx.Client, name: str, *, denied: bool = False, **fields: Any) -> float:
    """Milliseconds until the host may go on."""
    event = {"hook_event_name": name, "session_id": "run-1", "cwd": FOLDER, **fields}
    began_at = time.perf_counter()
    reply = client.post("/api/hooks/claude-code", json=event)
    took = 1000 * (time.perf_counter() - began_at)
    assert ("deny" in reply.text) == denied, reply.text
    return took


def row(name: str, times: list[float]) -> str:
    p99 = statistics.quantiles(times, n=100)[98]
    met = "met" if p99 < TARGET_MS else "missed"
    return f"| {name} | {statistics.median(times):.2f} | {p99:.2f} | {met} |"
