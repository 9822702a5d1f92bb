"""The original's README, typed into a shell."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

COMMANDS = Path(__file__).with_name("commands.sh")


def test_every_command_does_what_its_reader_expects(url: str) -> None:
    if missing := [name for name in ("bash", "curl") if shutil.which(name) is None]:
        pytest.skip(f"needs {' and '.join(missing)}, not found on PATH")

    done = subprocess.run(
        ["bash", COMMANDS, url], capture_output=True, text=True, timeout=60, check=True
    )

    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    said = {name: json.loads(reply) for name, _, reply in lines}
    assert {name: reply for name, reply in said.items() if "error" in reply} == {}
    assert said["health"]["status"] == "healthy"
    assert [one["tool_name"] for one in said["suggested"]["suggestions"]] == ["Read"]
    assert [one["content"] for one in said["inbox"]["messages"]] == [{"path": "login.ts"}]
    assert all(word in said["context"]["brief"]["content"] for word in ("Write the view", "schema"))
    assert said["token"]["expires_in"] == 3600
    assert "We were at the view" in said["restored"]["brief"]
    assert said["hierarchy"]["counts"] == {"requests": 1, "tasks": 1, "subtasks": 1}
