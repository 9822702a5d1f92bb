"""A database as the original service makes it, JSON encoded twice and all. Contract: rest 3."""

import contextlib
import gzip
import json
import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import psycopg
from django.db import connection
from psycopg import sql

Cell = object

SHIPPED = """
CREATE TABLE projects (id uuid PRIMARY KEY, path text NOT NULL UNIQUE, name text,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
  metadata jsonb DEFAULT '{}');
CREATE TABLE requests (id uuid PRIMARY KEY, project_id uuid REFERENCES projects ON DELETE CASCADE,
  session_id text NOT NULL, prompt text NOT NULL, prompt_type text, status text DEFAULT 'active',
  created_at timestamptz DEFAULT now(), completed_at timestamptz, metadata jsonb DEFAULT '{}');
CREATE TABLE task_lists (id uuid PRIMARY KEY,
  request_id uuid REFERENCES requests ON DELETE CASCADE, name text, wave_number int DEFAULT 0,
  status text DEFAULT 'pending', created_at timestamptz DEFAULT now(), completed_at timestamptz);
CREATE TABLE subtasks (id uuid PRIMARY KEY,
  task_list_id uuid REFERENCES task_lists ON DELETE CASCADE, agent_type text, agent_id text,
  description text NOT NULL, status text DEFAULT 'pending', blocked_by uuid[] DEFAULT '{}',
  created_at timestamptz DEFAULT now(), started_at timestamptz, completed_at timestamptz,
  context_snapshot jsonb, result jsonb);
CREATE TABLE actions (id uuid PRIMARY KEY, subtask_id uuid REFERENCES subtasks ON DELETE CASCADE,
  tool_name text NOT NULL, tool_type text NOT NULL, input bytea, output bytea,
  file_paths text[] DEFAULT '{}', exit_code int DEFAULT 0, duration_ms int,
  created_at timestamptz DEFAULT now(), metadata jsonb DEFAULT '{}');
CREATE TABLE keyword_tool_scores (id serial PRIMARY KEY, keyword text NOT NULL,
  tool_name text NOT NULL, tool_type text NOT NULL, score real DEFAULT 1.0,
  usage_count int DEFAULT 1, success_count int DEFAULT 1, last_used timestamptz DEFAULT now(),
  UNIQUE (keyword, tool_name));
CREATE TABLE agent_messages (id uuid PRIMARY KEY,
  project_id uuid REFERENCES projects ON DELETE CASCADE, from_agent_id text, to_agent_id text,
  message_type text NOT NULL, topic text, payload jsonb NOT NULL, read_by text[] DEFAULT '{}',
  created_at timestamptz DEFAULT now(), expires_at timestamptz);
CREATE TABLE sessions (id text PRIMARY KEY, project_id uuid REFERENCES projects,
  started_at timestamptz DEFAULT now(), ended_at timestamptz, total_tools_used int DEFAULT 0,
  total_success int DEFAULT 0, total_errors int DEFAULT 0);
CREATE TABLE agent_contexts (id uuid PRIMARY KEY,
  project_id uuid REFERENCES projects ON DELETE CASCADE, agent_id text NOT NULL,
  agent_type text NOT NULL, role_context jsonb, skills_to_restore text[], tools_used text[],
  progress_summary text, last_updated timestamptz DEFAULT now(), UNIQUE (project_id, agent_id));
CREATE TABLE schema_version (version text PRIMARY KEY, applied_at timestamptz DEFAULT now());
INSERT INTO schema_version VALUES ('1.0.0');
"""
COMPLETED = """
ALTER TABLE agent_messages ADD priority int DEFAULT 0;
CREATE TABLE subscriptions (id uuid PRIMARY KEY, agent_id text NOT NULL, topic text NOT NULL,
  callback_url text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
  UNIQUE (agent_id, topic));
CREATE TABLE blocked_agents (id uuid PRIMARY KEY, blocked_by text NOT NULL,
  blocked_agent text NOT NULL, reason text, created_at timestamptz DEFAULT now(),
  UNIQUE (blocked_by, blocked_agent));
"""


@dataclass
class Original:
    """An open database of the original."""

    url: str
    name: str
    rows: "psycopg.Connection[Any]" = field(repr=False)

    def add(self, table: str, **columns: Cell) -> Any:
        """A row, and its id: one that is made up unless it is given."""
        row = {"id": uuid.uuid4(), **columns}
        if table == "keyword_tool_scores":
            row = columns
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        places = sql.SQL(", ").join(sql.Placeholder() * len(row))
        insertion = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id")
        statement = insertion.format(sql.Identifier(table), names, places)
        return self.rows.execute(statement, [*row.values()]).fetchone()[0]  # type: ignore[index]

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self.rows.cursor() as cursor, cursor.copy(statement) as copying:
            for row in rows:
                copying.write_row(row)


def address(name: str, **changes: str) -> str:
    """Of a database beside the one under test, as a URL."""
    server = {**connection.settings_dict, **changes}
    password = f":{quote(server['PASSWORD'])}" if server["PASSWORD"] else ""
    host = quote(str(server["HOST"]), safe="")
    port = f"&port={server['PORT']}" if server["PORT"] else ""
    return f"postgresql://{quote(server['USER'])}{password}@/{name}?host={host}{port}"


@contextlib.contextmanager
def original(suffix: str, schema: str = SHIPPED + COMPLETED) -> Iterator[Original]:
    """An empty database of the original on the server of the tests; gone in the end."""
    name = f"{connection.settings_dict['NAME']}_{suffix}"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
    try:
        with psycopg.connect(address(name), autocommit=True) as rows:
            rows.execute(schema.encode())
            yield Original(address(name), name, rows)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def twice(value: object) -> str:
    """JSON as the original stores it: as text inside JSON."""
    return json.dumps(json.dumps(value))


def packed(text: str) -> bytes:
    """A tool's input or output as the original stores it."""
    return gzip.compress(text.encode()) if len(text) > 1024 else text.encode()


PROJECTS, REQUESTS, TASKS, SUBTASKS, ACTIONS = 20, 2_000, 4_000, 14_000, 70_000
SESSIONS, MESSAGES, SCORES, PAIRS = 1_000, 4_000, 4_900, 40
ROWS = PROJECTS + REQUESTS + TASKS + SUBTASKS + ACTIONS + SESSIONS + MESSAGES + SCORES + 2 * PAIRS
TOOLS = ["Read", "Edit", "Bash", "Grep", "Write", "Task", "WebFetch"]
_AT = "2026-03-04T05:06:07.089123Z"


def fill(database: Original, seed: int = 1) -> None:
    """ROWS rows, as a few months of work leave them."""
    random_ = random.Random(seed)

    def ids(number: int) -> list[uuid.UUID]:
        return [uuid.UUID(int=random_.getrandbits(128), version=4) for _ in range(number)]

    projects, requests, tasks, subtasks = map(ids, (PROJECTS, REQUESTS, TASKS, SUBTASKS))
    long_output = packed("".join(random_.choices("abc def\n", k=3_000)))
    database.copy(
        "projects",
        ["id", "path", "name", "metadata"],
        ((id_, f"/srv/p{n}", f"Project {n}", twice({"n": n})) for n, id_ in enumerate(projects)),
    )
    database.copy(
        "sessions",
        ["id", "project_id", "started_at"],
        ((f"run-{n}", projects[n % PROJECTS], _AT) for n in range(SESSIONS)),
    )
    database.copy(
        "requests",
        ["id", "project_id", "session_id", "prompt", "prompt_type", "status", "metadata"],
        (
            (
                id_,
                projects[n % PROJECTS],
                f"run-{n % SESSIONS}",
                f"Add page {n} to the shop",
                "feature",
                "completed",
                json.dumps([json.dumps({"n": n}), json.dumps({"compact_agent": "lead"})]),
            )
            for n, id_ in enumerate(requests)
        ),
    )
    database.copy(
        "task_lists",
        ["id", "request_id", "name", "wave_number", "status"],
        (
            (id_, requests[n % REQUESTS], f"Wave {n}", n // REQUESTS, "completed")
            for n, id_ in enumerate(tasks)
        ),
    )
    database.copy(
        "subtasks",
        ["id", "task_list_id", "agent_type", "agent_id", "description", "status", "result"],
        (
            (
                id_,
                tasks[n % TASKS],
                "developer",
                f"ag-{n % 50}",
                f"Part {n} of the page",
                "completed",
                twice({"files": [f"/srv/{n}.py"]}),
            )
            for n, id_ in enumerate(subtasks)
        ),
    )
    columns = [
        *("id", "subtask_id", "tool_name", "tool_type", "input", "output", "file_paths"),
        *("exit_code", "duration_ms", "created_at", "metadata"),
    ]
    database.copy(
        "actions",
        columns,
        (
            (
                id_,
                subtasks[n % SUBTASKS],
                TOOLS[n % len(TOOLS)],
                "builtin",
                f'{{"file_path": "/srv/p{n}.py", "note": "part {n} of the checkout"}}'.encode(),
                long_output if n % 10 == 0 else b"ok",
                [f"/srv/p{n}.py"],
                int(n % 20 == 0),
                n % 500,
                _AT,
                twice(
                    {"session_id": f"run-{n % SESSIONS}", "project_path": f"/srv/p{n % PROJECTS}"}
                ),
            )
            for n, id_ in enumerate(ids(ACTIONS))
        ),
    )
    database.copy(
        "agent_messages",
        ["id", "from_agent_id", "to_agent_id", "message_type", "topic", "payload", "priority"],
        (
            (
                id_,
                "lead",
                f"ag-{n % 50}",
                "workflow.progress",
                "workflow.progress",
                twice({"n": n}),
                n % 11,
            )
            for n, id_ in enumerate(ids(MESSAGES))
        ),
    )
    database.copy(
        "keyword_tool_scores",
        ["keyword", "tool_name", "tool_type", "score", "usage_count", "success_count"],
        (
            (f"word{n // 7}", TOOLS[n % 7], "builtin", 1 + n % 40 / 10, 1 + n % 90, 1)
            for n in range(SCORES)
        ),
    )
    database.copy(
        "subscriptions",
        ["id", "agent_id", "topic"],
        ((id_, f"ag-{n}", "task.created") for n, id_ in enumerate(ids(PAIRS))),
    )
    database.copy(
        "blocked_agents",
        ["id", "blocked_by", "blocked_agent"],
        ((id_, f"ag-{n}", f"ag-{n + 1}") for n, id_ in enumerate(ids(PAIRS))),
    )
