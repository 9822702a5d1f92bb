"""Every hot route at 1, 8 and 32 connections, beside what the original server reached.

Its figures were taken on a machine of this kind, so the multiples are as good as that comparison;
the bare reply, measured in turns with the routes, tells how fast this machine is today.
"""

import argparse
import contextlib
import random
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from tests.benchmarks import load, scores
from tests.benchmarks.floor import Floor
from tests.benchmarks.load import WORDS, Load, get, post
from tests.benchmarks.machine import machine, tell
from tests.benchmarks.processes import cpu_seconds, database_of
from tests.serve.serving import Serving, temporary_home

CONNECTIONS = (1, 8, 32)
AGENT = "bench-agent"
STORED_ACTIONS = 100_000
OTHERS_MS = 4
COLUMNS = (
    *("Workload", "Connections", "req/s", "p50 ms", "p99 ms", "CPU s per 1,000"),
    *("of PostgreSQL", "Original, req/s", "Multiple", "Target"),
)


@dataclass(frozen=True)
class Stage:
    """Where what a workload needs is made."""

    api: httpx.Client
    floor: Floor


@dataclass(frozen=True)
class Workload:
    """original: requests per second at 1, 8 and 32 connections. target: a multiple, at 32."""

    name: str
    requests: Callable[[Stage], list[str]]
    original: tuple[int, int, int] | None = None
    target: float | None = None
    rows: int = 1


def actions_of_4_kb(_: Stage) -> list[str]:
    chance = random.Random(4)
    large = {"input": " ".join(chance.choices(WORDS, k=450)), "output": "x" * 4_000}
    return [post("/api/actions", load.action(chance) | large) for _ in range(500)]


def batches(_: Stage) -> list[str]:
    chance = random.Random(100)
    return [
        post("/api/actions/batch", {"actions": [load.action(chance) for _ in range(100)]})
        for _ in range(50)
    ]


def upserts(_: Stage) -> list[str]:
    return [post("/api/projects", {"path": f"/srv/p{n}", "name": f"p{n}"}) for n in range(200)]


def messages(_: Stage) -> list[str]:
    body = {"from_agent": AGENT, "topic": "task.created", "content": {"text": "The API is ready"}}
    return [post("/api/messages", body | {"to_agent": f"agent-{n}"}) for n in range(200)]


def inboxes(stage: Stage) -> list[str]:
    for n in range(10):
        body = {"from_agent": "planner", "to_agent": AGENT, "topic": "task.created"}
        reply = stage.api.post("/api/messages", json=body | {"content": {"n": n}})
        reply.raise_for_status()
    return [get(f"/api/messages/{AGENT}?include_read=true")]


def hierarchies(stage: Stage) -> list[str]:
    project, _ = tree(stage.api)
    return [get(f"/api/hierarchy/{project}")]


LARGE_TREE = """
WITH request AS (
  INSERT INTO projects_request (id, project_id, session_id, prompt, prompt_type, status, created_at,
                                metadata)
  SELECT gen_random_uuid(), %(project)s, 'tree-' || n, 'Add a login form', 'feature', 'active',
         now(), '{}' FROM generate_series(1, 100) n RETURNING id
), task AS (
  INSERT INTO projects_task (id, request_id, wave_number, status, created_at)
  SELECT gen_random_uuid(), request.id, n, 'pending', now()
  FROM request, generate_series(0, 9) n RETURNING id
)
INSERT INTO projects_subtask (id, task_id, description, status, blocked_by, created_at)
SELECT gen_random_uuid(), task.id, 'Step ' || n, 'pending', '{}', now()
FROM task, generate_series(1, 10) n
"""


def large_hierarchies(stage: Stage) -> list[str]:
    project = made(stage.api, "projects", {"path": "/srv/large"}, "project")
    with stage.floor.connect() as link:
        link.execute(LARGE_TREE, {"project": project})
        link.execute("VACUUM ANALYZE projects_request, projects_task, projects_subtask")
    return [get(f"/api/hierarchy/{project}")]


def changing_hierarchies(stage: Stage) -> list[str]:
    """Each read comes after a change: half of the requests."""
    project, subtasks = tree(stage.api)
    changes = [
        post(f"/api/subtasks/{id_}", {"status": status}, "PATCH")
        for status in ("running", "paused")
        for id_ in subtasks
    ]
    return [text for change in changes for text in (change, get(f"/api/hierarchy/{project}"))]


def tree(api: httpx.Client) -> tuple[str, list[str]]:
    """A project of ten requests with five waves of five subtasks each, and the subtasks."""
    project = made(api, "projects", {"path": f"/srv/{uuid.uuid4()}"}, "project")
    subtasks = []
    for n in range(10):
        prompt = {"project_id": project, "session_id": f"tree-{n}", "prompt": "Add a login form"}
        request = made(api, "requests", {**prompt, "prompt_type": "feature"}, "request")
        for wave in range(5):
            task = made(api, "tasks", {"request_id": request, "wave_number": wave}, "task")
            subtasks += [
                made(api, "subtasks", {"task_id": task, "description": f"Step {k}"}, "subtask")
                for k in range(5)
            ]
    return project, subtasks


def made(api: httpx.Client, route: str, body: dict[str, Any], noun: str) -> str:
    reply = api.post(f"/api/{route}", json=body)
    reply.raise_for_status()
    return str(reply.json()[noun]["id"])


def suggestions(_: Stage) -> list[str]:
    chance = random.Random(5)
    asked = [",".join(chance.sample(WORDS, 3)) for _ in range(500)]
    return [get(f"/api/routing/suggest?keywords={words}") for words in asked]


def suggestions_among_a_million(stage: Stage) -> list[str]:
    with stage.floor.connect() as link:
        scores.fill_common_scores(link)
    asked = [",".join(scores.words(3)) for _ in range(500)]
    return [get(f"/api/routing/suggest?keywords={words}") for words in asked]


def briefs(stage: Stage) -> list[str]:
    api = stage.api
    project = made(api, "projects", {"path": "/srv/brief"}, "project")
    request = {"project_id": project, "session_id": "brief", "prompt_type": "feature"}
    task = {"request_id": made(api, "requests", {**request, "prompt": "Add login"}, "request")}
    body = {"task_id": made(api, "tasks", {**task, "wave_number": 0}, "task")}
    subtask = {**body, "description": "Write it", "agent_id": AGENT, "status": "running"}
    made(api, "subtasks", subtask, "subtask")
    return [get(f"/api/context/{AGENT}?session_id=brief")]


def hook_events(_: Stage) -> list[str]:
    event = {
        "hook_event_name": "PostToolUse",
        "session_id": "bench-hooks",
        "cwd": "/srv/hooks",
        "tool_name": "Edit",
        "tool_response": {"ok": True},
    }
    return [
        post(
            "/api/hooks/claude-code",
            event | {"tool_input": {"file_path": f"/srv/hooks/{n}.py"}},
        )
        for n in range(500)
    ]


WORKLOADS = (
    Workload("GET /health", lambda _: [get("/health")], (3_340, 10_580, 12_990), 1),
    Workload("POST /api/actions", lambda _: load.actions(), (194, 578, 650), 6),
    Workload("same, 4 KB in and out", actions_of_4_kb, (130, 330, 434)),
    Workload("POST /api/actions/batch, 100 each", batches, rows=100),
    Workload("POST /api/projects", upserts, (820, 1_250, 2_400), 2),
    Workload("POST /api/messages", messages, (670, 1_460, 1_890), 4),
    Workload("GET /api/messages/:agent", inboxes, (400, 706, 791), 4),
    Workload("GET /api/hierarchy/:id, 10 x 5 x 5", hierarchies, (82, 147, 162), 10),
    Workload("same, changed before each", changing_hierarchies, (82, 147, 162), 2),
    Workload("GET /api/hierarchy/:id, 100 x 10 x 10", large_hierarchies),
    Workload("GET /api/routing/suggest", suggestions, (1_260, 3_390, 3_880), 1.2),
    Workload("GET /api/context/:agent", briefs, (413, 680, 834), 4),
    Workload(
        "GET /api/actions?limit=100",
        lambda _: [get("/api/actions?limit=100")],
        (864, 1_340, 1_400),
        2,
    ),
    Workload("POST /api/hooks/claude-code", hook_events),
    # Last: with so many scores, all that teaches them is another workload, too.
    Workload("GET /api/routing/suggest, among 1,000,000 scores", suggestions_among_a_million),
)


def others(api: httpx.Client) -> dict[str, str]:
    """A request of each kind that is not measured above; what it needs is made first."""
    project = made(api, "projects", {"path": "/srv/others"}, "project")
    prompt = {"project_id": project, "session_id": "others", "prompt": "Add a login form"}
    request = made(api, "requests", {**prompt, "prompt_type": "feature"}, "request")
    task = made(api, "tasks", {"request_id": request, "wave_number": 0}, "task")
    step = {"task_id": task, "description": "Write it"}
    subtask = made(api, "subtasks", step, "subtask")
    api.post("/api/sessions", json={"id": "others", "project_id": project}).raise_for_status()
    subscription = {"agent_id": AGENT, "topic": "task.created"}
    return {
        "GET /api/projects": get("/api/projects"),
        "GET /api/projects/:id": get(f"/api/projects/{project}"),
        "POST /api/requests": post("/api/requests", {**prompt, "prompt_type": "feature"}),
        "GET /api/requests": get(f"/api/requests?project_id={project}"),
        "POST /api/tasks": post("/api/tasks", {"request_id": request}),
        "POST /api/subtasks": post("/api/subtasks", step),
        "GET /api/subtasks": get(f"/api/subtasks?task_id={task}"),
        "PATCH /api/subtasks/:id": post(f"/api/subtasks/{subtask}", {"status": "running"}, "PATCH"),
        "GET /api/sessions/:id": get("/api/sessions/others"),
        "GET /api/sessions": get("/api/sessions"),
        "POST /api/subscribe": post("/api/subscribe", subscription),
        "GET /api/subscriptions": get("/api/subscriptions"),
        "POST /api/blocking": post(
            "/api/blocking", {"blocked_by": AGENT, "blocked_agent": "other", "reason": "Waits"}
        ),
        "GET /api/blocking/:agent": get("/api/blocking/other"),
        "GET /api/agents": get("/api/agents"),
        "GET /api/active-sessions": get("/api/active-sessions"),
        "GET /api/actions/hourly": get("/api/actions/hourly"),
        "GET /api/compact/status/:session": get("/api/compact/status/others"),
        "PUT /api/sessions/:id/context/:key": post(
            "/api/sessions/others/context/plan", {"value": "x", "agent_id": AGENT}, "PUT"
        ),
        "GET /stats": get("/stats"),
        "POST /api/auth/token": post("/api/auth/token", {"agent_id": AGENT}),
    }


BARE = """
import sys, uvicorn
async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
uvicorn.run(application, port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off",
            log_level="error", access_log=False)
"""


@contextlib.contextmanager
def bare_server() -> Iterator[int]:
    """The port of a server that does nothing but answer."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port: int = opened.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        while not _listens(port):
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def report(asked: argparse.Namespace) -> str:
    with temporary_home() as home, Serving(home) as serving:
        floor = Floor(home)
        store_actions(floor)
        with httpx.Client(base_url=f"http://127.0.0.1:{serving.port('PORT')}", timeout=30) as api:
            hot = [] if asked.others else _of_hot_routes(asked, serving, Stage(api, floor))
            return "\n".join([*hot, *_of_others(asked, serving, api), ""])


def _of_hot_routes(asked: argparse.Namespace, serving: Serving, stage: Stage) -> list[str]:
    lines: list[str] = []
    bare_rates = []
    with bare_server() as bare:
        for workload in WORKLOADS:
            tell(workload.name)
            requests = workload.requests(stage)
            for place, connections in enumerate(CONNECTIONS):
                runs = []
                for _ in range(asked.rounds):
                    alone = load.run(bare, [get("/")], connections=connections, seconds=1)
                    bare_rates.append(alone.per_second)
                    runs.append(measured(serving, requests, connections, asked.seconds))
                lines.append(_row(workload, place, runs))
    return [
        "# Workloads",
        "",
        f"{machine()}. One server process, embedded PostgreSQL with {STORED_ACTIONS:,}",
        f"actions, {asked.rounds} rounds of {asked.seconds:g} s each, medians. CPU is of the",
        "server and of PostgreSQL. The figures of the original are of another day on a machine",
        "of this kind; a uvicorn that only answers reached, in turns with these,",
        f"{statistics.median(bare_rates):,.0f} requests per second.",
        f"Suggestions are among {len(WORDS):,} scores where nothing else is said.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
        *lines,
        "",
    ]


def _of_others(asked: argparse.Namespace, serving: Serving, api: httpx.Client) -> list[str]:
    lines = []
    for name, request in others(api).items():
        found = measured(serving, [request], 1, asked.seconds / 4).load
        verdict = "met" if found.p50_ms <= OTHERS_MS else "missed"
        lines.append(f"| {name} | {found.p50_ms:.1f} | {found.p99_ms:.1f} | {verdict} |")
    return [
        f"Other routes, over one connection; their median is to be at most {OTHERS_MS} ms.",
        "",
        "| Route | p50 ms | p99 ms | Target |",
        "|---|---|---|---|",
        *lines,
    ]


def store_actions(floor: Floor) -> None:
    with floor.connect() as link:
        link.execute(
            "INSERT INTO projects_action (id, session_id, tool_name, tool_type, input, file_paths,"
            " exit_code, created_at) SELECT gen_random_uuid(), 's' || g %% 100, 'Bash', 'builtin',"
            " 'make test', '{}', 0, now() - g * interval '1 s' FROM generate_series(1, %s) g",
            [STORED_ACTIONS],
        )
        link.execute(
            "INSERT INTO routing_keywordtoolscore (keyword, tool_name, tool_type, score,"
            " usage_count, success_count, last_used) SELECT w, 'Bash', 'builtin', 1, 1, 1, now()"
            " FROM unnest(%s::text[]) w ON CONFLICT DO NOTHING",
            [WORDS],
        )
        # Not of all tables: of the empty ones it would learn that they are, and read them whole
        # for as long as its plans are kept.
        link.execute("VACUUM ANALYZE projects_action, routing_keywordtoolscore")


@dataclass(frozen=True)
class Measured:
    load: Load
    server_cpu: float
    database_cpu: float


def measured(serving: Serving, requests: list[str], connections: int, seconds: float) -> Measured:
    server = psutil.Process(serving.process.pid)
    database = list(database_of(serving.home))
    before = cpu_seconds([server]), cpu_seconds(database)
    found = load.run(serving.port("PORT"), requests, connections=connections, seconds=seconds)
    if found.failures:
        raise SystemExit(f"{found.failures} requests failed")
    thousands = found.per_second * seconds / 1_000
    return Measured(
        found,
        (cpu_seconds([server]) - before[0]) / thousands,
        (cpu_seconds(database) - before[1]) / thousands,
    )


def _row(workload: Workload, place: int, runs: list[Measured]) -> str:
    rate = statistics.median(run.load.per_second for run in runs)
    original = workload.original and workload.original[place]
    multiple = rate / original if original else None
    target = workload.target if CONNECTIONS[place] == 32 else None
    verdict = ""
    if target is not None and multiple is not None:
        verdict = f"{target:g} {'met' if multiple >= target else 'missed'}"
    rows = f" ({rate * workload.rows:,.0f} rows/s)" if workload.rows > 1 else ""
    figures = [
        workload.name,
        str(CONNECTIONS[place]),
        f"{rate:,.0f}{rows}",
        f"{statistics.median(run.load.p50_ms for run in runs):.1f}",
        f"{statistics.median(run.load.p99_ms for run in runs):.1f}",
        f"{statistics.median(run.server_cpu for run in runs):.2f}",
        f"{statistics.median(run.database_cpu for run in runs):.2f}",
        f"{original:,}" if original else "",
        f"{multiple:.1f}" if multiple else "",
        verdict,
    ]
    return f"| {' | '.join(figures)} |"
