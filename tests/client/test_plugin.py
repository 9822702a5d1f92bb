"""The Claude Code plugin: what the host expects of its files, and that what they name works."""

import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from dcm_client.cli.install.hosts import HOSTS, HostName, Way
from dcm_client.rest import DEFAULT_URL
from tests.client.commands import Dcm
from tests.client.hooks import hang, nowhere, prompt, strange_server, tool_call
from tests.conftest import Api, Server

FOLDER = Path(__file__).parents[2] / "integrations/claude-code"
COMMANDS = sorted((FOLDER / "commands").glob("*.md"))
COMMON = {"timeout", "if", "statusMessage"}
FIELDS = {"http": {"url", "headers", "allowedEnvVars"}, "command": {"command", "args", "async"}}


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())


def handlers() -> list[tuple[str, dict[str, Any]]]:
    return [
        (event, handler)
        for event, groups in load("hooks/hooks.json")["hooks"].items()
        for group in groups
        for handler in group["hooks"]
    ]


def test_the_manifest_names_the_plugin_and_the_clients_version() -> None:
    manifest = load(".claude-plugin/plugin.json")

    assert re.fullmatch("[a-z][a-z0-9-]*", manifest["name"])
    assert manifest["version"] == version("dcm-client")
    assert all(isinstance(manifest[name], str) for name in ("description", "license"))
    assert not list((FOLDER / ".claude-plugin").glob("[!p]*"))  # the host looks for the rest above


def test_the_marketplace_offers_it() -> None:
    marketplace = json.loads((FOLDER.parent / ".claude-plugin/marketplace.json").read_text())

    assert marketplace["owner"]["name"]
    (plugin,) = marketplace["plugins"]
    assert plugin["name"] == load(".claude-plugin/plugin.json")["name"]
    assert (FOLDER.parent / plugin["source"]).resolve() == FOLDER


def test_hooks_are_those_that_install_writes() -> None:
    way = Way(url=DEFAULT_URL, command="dcm-hook", header="DCM_TOKEN")

    expected = HOSTS[HostName.CLAUDE_CODE].groups(way)

    assert load("hooks/hooks.json")["hooks"] == {event: [each] for event, each in expected.items()}


def test_hooks_have_the_shape_that_the_host_takes() -> None:
    for event, handler in handlers():
        kind = handler["type"]
        assert set(handler) <= {"type", *COMMON, *FIELDS[kind]}
        assert 0 < handler["timeout"] <= 10  # seconds
        if event in ("SessionStart", "Setup"):
            assert kind == "command"
        if kind == "http":
            used = set(re.findall(r"\$(\w+)", " ".join(handler["headers"].values())))
            assert used == set(handler["allowedEnvVars"])


def test_the_mcp_server_has_a_type_and_defaults_for_what_may_be_unset() -> None:
    (server,) = load(".mcp.json")["mcpServers"].values()

    assert server["type"] == "http"
    assert server["url"] == f"${{DCM_URL:-{DEFAULT_URL}}}/mcp"
    assert re.findall(r"\$\{(\w+)(:-)?", json.dumps(server)) == [
        ("DCM_URL", ":-"),
        ("DCM_TOKEN", ":-"),
    ]


async def test_each_hook_is_taken_by_the_server(api: Api, dcm: Dcm) -> None:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    for event, handler in handlers():
        told = tool_call(hook_event_name=event, prompt="Add a form", agent_id="sub-1", task_id="1")
        if handler["type"] == "http":
            route = handler["url"].removeprefix(DEFAULT_URL)
            reply = await api.post(route, json=told, headers={"Authorization": "Bearer"})
            assert (reply.status_code, reply.json()) == (200, {}), event
        else:
            done = subprocess.run(
                handler["command"],
                shell=True,
                input=json.dumps(told | {"source": "compact"}).encode(),
                env=dcm.environment() | {"PATH": path},
                capture_output=True,
                timeout=30,
                check=True,
            )
            assert json.loads(done.stdout)["hookSpecificOutput"]["hookEventName"] == event
    assert len((await api.get("/api/actions?session_id=run-1")).json()["actions"]) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.stem)
async def test_what_a_slash_command_runs_is_allowed_and_works(
    api: Api, dcm: Dcm, command: Path
) -> None:
    await api.post("/api/hooks/claude-code", json=prompt("Add a login form"))
    dcm.more = {"CLAUDE_CODE_SESSION_ID": "run-1"}
    _, front, body = command.read_text().split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    lines = re.findall(r"^!`(.+)`$", body, re.MULTILINE)

    assert {"description", "allowed-tools"} <= fields.keys()
    assert lines
    for line in lines:
        words = shlex.split(line.replace("$ARGUMENTS", ""))
        assert f"Bash({' '.join(words[:2])}:*)" in fields["allowed-tools"]
        assert dcm.ok(*words[1:])


def test_there_are_the_two_slash_commands() -> None:
    assert [path.stem for path in COMMANDS] == ["dcm-brief", "dcm-inbox"]


# --- the status line ----------------------------------------------------------------------------

STATE = {
    "session_id": "run-1",
    "model": {"display_name": "Opus"},
    "context_window": {"used_percentage": 41.7},
}


def status_line(url: str, stdin: bytes = b"", **state: Any) -> str:
    done = subprocess.run(
        [FOLDER / "statusline.py"],
        input=stdin or json.dumps(STATE | state).encode(),
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "DCM_URL": url},
        capture_output=True,
        text=False,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1
    return done.stdout.decode().strip()


async def test_the_status_line_tells_agents_and_messages(api: Api, server: Server) -> None:
    await api.post("/api/hooks/claude-code", json=prompt("Add a login form"))
    started = {"hook_event_name": "SubagentStart", "agent_id": "sub-1"}
    await api.post("/api/hooks/claude-code", json=prompt("") | started)
    message = {"from_agent": "lead", "to_agent": "run-1", "topic": "task.created", "content": "Hi"}
    await api.post("/api/messages", json=message)

    for _ in range(2):  # looking reads nothing
        assert status_line(server.url) == "dcm ● · 1 agents · 1 unread · Opus · context 42 %"


def test_without_a_server_the_status_line_says_so() -> None:
    assert status_line(nowhere()) == "dcm ○ · Opus · context 42 %"
    with strange_server(hang) as url:
        assert status_line(url) == "dcm ○ · Opus · context 42 %"


@pytest.mark.parametrize("stdin", [b"{", b"[]", b"\xff", b'{"model": 5, "context_window": []}'])
async def test_whatever_the_host_says_there_is_a_status_line(server: Server, stdin: bytes) -> None:
    assert status_line(server.url, stdin) == "dcm ●"


def test_the_status_line_obeys_nobody() -> None:
    shown = status_line(nowhere(), model={"display_name": "\x1b[2JOp\nus"})

    assert shown == "dcm ○ · [2JOpus · context 42 %"
