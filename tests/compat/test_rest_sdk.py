"""Every method of the original's REST client, from Node. Contract: hooks 5."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("rest_sdk.mjs")


@pytest.fixture
def played(url: str) -> Any:
    if shutil.which("node") is None:
        pytest.skip("needs node, not found on PATH")
    done = subprocess.run(
        ["node", PROGRAM, url], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_method_works_at_the_first_attempt(played: Any) -> None:
    assert set(played["seen"]) == set(played["methods"])
    assert {name: reply for name, reply in played["seen"].items() if "thrown" in reply} == {}
    assert set(played["attempts"].values()) == {1}


def test_the_replies_hold_what_its_types_promise(played: Any) -> None:
    seen = played["seen"]

    assert seen["health"]["status"] == "healthy"
    assert seen["getProjectByPath"]["project"]["id"] == seen["createProject"]["project"]["id"]
    assert seen["createSession"]["session"]["id"] == "run-1"
    assert seen["getSession"]["session"]["project_id"] == seen["createProject"]["project"]["id"]
    assert seen["recordAction"]["success"] is True
    assert [one["tool_name"] for one in seen["getActions"]["actions"]] == ["Edit"]
    assert [one["tool_name"] for one in seen["suggestTool"]["suggestions"]] == ["Edit"]
    assert seen["endSession"]["session"]["ended_at"]
    assert seen["updateTask"]["task"]["completed_at"]
    assert seen["updateSubtask"]["subtask"]["result"] == {"files": ["login.py"]}
    assert len(seen["getSubtasks"]["subtasks"]) == 1


def test_what_the_original_server_refused_its_own_client_works(played: Any) -> None:
    seen = played["seen"]
    (message,) = seen["getMessages"]["messages"]

    assert message["from_agent"] == "lead"
    assert message["content"] == {"path": "login.py"}
    assert seen["blockAgent"]["blocking"]["blocked_agent"] == "backend-1"
    assert seen["isBlocked"]["is_blocked"] is True
    assert seen["unblockAgent"]["success"] is True
    assert "Write the view" in seen["getContext"]["brief"]["content"]
    assert "We were at the view" in seen["restoreAfterCompact"]["brief"]
    assert seen["getToken"]["token"].count(".") == 1
    (request,) = seen["getHierarchy"]["hierarchy"]["requests"]
    assert request["tasks"][0]["subtasks"][0]["status"] == "completed"
