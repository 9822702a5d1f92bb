"""The requests of the original's hook scripts, in the order of a session. Contract: hooks 2.

They are sent as the scripts do: by curl, a second to connect and two in all, no key.
"""

import json
import shutil
import subprocess
from pathlib import Path
from string import Template
from typing import Any

import pytest

from tests.serve.serving import Serving

RUN = Path(__file__).parents[1] / "data" / "original_hooks.jsonl"
REQUESTS: list[dict[str, Any]] = [json.loads(line) for line in RUN.read_text().splitlines()]
ACTIONS = [one["body"] for one in REQUESTS if one["path"] == "/api/actions"]
SESSION_ID = "0f9c2a77-1d34-4e0a-9c61-5b7a1f0e2d43"
PROJECT_PATH = "/home/mia/shop"


def curl(url: str, request: dict[str, Any], known: dict[str, str]) -> tuple[int, Any]:
    """Status and JSON of the reply. known: what takes the places of $names."""
    if shutil.which("curl") is None:
        pytest.skip("the scripts use curl, not found on PATH")
    options = ["-s", "--connect-timeout", "1", "--max-time", "2", "-w", "\n%{http_code}"]
    body = Template(json.dumps(request["body"])).substitute(known) if "body" in request else None
    if body is not None:
        options += ["-X", "POST", "-H", "Content-Type: application/json", "--data-binary", "@-"]
    path = Template(request["path"]).substitute(known)
    done = subprocess.run(
        ["curl", *options, f"{url}{path}"],
        input=body,
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    text, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(text)


def pick(reply: Any, path: str) -> str:
    """What the script takes from a reply, `requests.0.id` say."""
    for name in path.split("."):
        reply = reply[int(name) if name.isdigit() else name]
    assert isinstance(reply, str)
    return reply


def play(url: str) -> dict[str, str]:
    """Send them all; what the scripts have learnt in the end."""
    known: dict[str, str] = {}
    for request in REQUESTS:
        status, reply = curl(url, request, known)
        assert status in request["status"], (request, reply)
        for name, path in request.get("keep", {}).items():
            found = pick(reply, path)
            assert known.setdefault(name, found) == found, request
    return known


def test_a_session_of_all_scripts_ends_up_as_one_tree(serving: Serving, url: str) -> None:
    known = play(url)

    tree = serving.http.get(f"/api/hierarchy/{known['project_id']}").json()["hierarchy"]
    (request,) = tree["requests"]
    (task,) = request["tasks"]
    (subtask,) = task["subtasks"]
    assert (tree["path"], tree["name"]) == (PROJECT_PATH, "shop")
    assert (request["session_id"], request["status"]) == (SESSION_ID, "active")
    assert (task["wave_number"], task["status"]) == (0, "running")
    assert subtask["agent_id"] == "agent-1799999999999-1a2b3c4d"
    assert (subtask["agent_type"], subtask["status"]) == ("backend-developer", "running")
    assert subtask["started_at"] is not None


def test_every_tool_call_of_the_scripts_is_kept(serving: Serving, url: str) -> None:
    play(url)

    rows = serving.http.get("/api/actions", params={"limit": 100}).json()["actions"]
    session = serving.http.get(f"/api/sessions/{SESSION_ID}").json()
    kept = sorted((row["tool_name"], row["tool_type"], row["exit_code"]) for row in rows)
    sent = sorted((one["tool_name"], one["tool_type"], one["exit_code"]) for one in ACTIONS)
    of_session = [one for one in ACTIONS if one["session_id"] == SESSION_ID]
    assert kept == sent
    assert session["total_tools_used"] == len(of_session)
    assert session["total_errors"] == sum(1 for one in of_session if one["exit_code"])


def test_the_scripts_teach_routing(serving: Serving, url: str) -> None:
    play(url)

    found = serving.http.get("/api/routing/suggest", params={"keywords": "login"}).json()

    assert {one["tool_name"] for one in found["suggestions"]} == {"Read", "Edit"}
