"""What is in a database, and putting something in."""

import itertools
from pathlib import Path
from typing import Any

import psycopg

from tests.serve.serving import Serving, manage

Contents = dict[str, tuple[int, str]]
"""Table -> number of its rows, and a checksum of them all."""

TEXT = "ünï¢ødé \\ \t \u2028 '\" $$ \N{PILE OF POO}"
_numbers = itertools.count()


def contents(url: str) -> Contents:
    with psycopg.connect(url, autocommit=True) as link:
        tables = link.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace ORDER BY relname"
        ).fetchall()
        return {name: _sum(link, name) for (name,) in tables}


def _sum(link: "psycopg.Connection[Any]", table: str) -> tuple[int, str]:
    found = link.execute(
        "SELECT count(*), md5(coalesce(string_agg(line, E'\\n' ORDER BY line), ''))"
        f' FROM (SELECT to_jsonb(t)::text COLLATE "C" AS line FROM public.{table} t) AS lines'
    ).fetchone()
    assert found is not None
    number, checksum = found
    return number, checksum


def work(serving: Serving) -> None:
    """Something in most tables, with text that is hard on formats; more each time."""
    tool = {
        "tool_name": "Edit",
        "tool_use_id": f"t{next(_numbers)}",
        "tool_input": {"file_path": "/srv/shop/login.py", "new_string": TEXT * 500},
        "tool_response": {"ok": True},
    }
    events: list[dict[str, Any]] = [
        {"hook_event_name": "SessionStart", "source": "startup"},
        {"hook_event_name": "UserPromptSubmit", "prompt": TEXT},
        {"hook_event_name": "PostToolUse", **tool},
    ]
    message = {"from_agent": "a", "to_agent": "b", "topic": "task.created", "content": TEXT}
    blocking = {"blocked_by": "a", "blocked_agent": "b", "reason": TEXT}
    about = {"session_id": "demo", "cwd": "/srv/shop"}
    posts = [("/api/hooks/claude-code", about | event) for event in events]
    for path, body in (*posts, ("/api/messages", message), ("/api/blocking", blocking)):
        response = serving.http.post(path, json=body)
        assert response.status_code < 300, response.text


def last_event(serving: Serving) -> str:
    """Its id."""
    log = serving.http.get("/api/events").json()
    return f"msg_{log['epoch']}_{log['head']}"


def paths_of_projects(serving: Serving) -> list[str]:
    return [each["path"] for each in serving.http.get("/api/projects").json()["projects"]]


def manage_well(home: Path, *arguments: str, **variables: str) -> str:
    """Run a command that has to succeed; what it wrote to standard error."""
    done = manage(home, *arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done.stderr


def manage_badly(home: Path, *arguments: str, **variables: str) -> str:
    """Run a command that has to be refused; why it was."""
    done = manage(home, *arguments, **variables)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: "), done.stderr
    return done.stderr
