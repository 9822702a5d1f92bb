"""The agent hosts that have hooks: where their settings are, and what goes into them.

Contract: integrations 1 and 2.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

HOOK_ROUTE = "/api/hooks/claude-code"
HOOK_COMMAND = "dcm-hook"
TIMEOUT_SECONDS = 5

Json = dict[str, Any]


class Scope(StrEnum):
    USER = "user"
    PROJECT = "project"
    LOCAL = "local"


class HostName(StrEnum):
    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    GEMINI = "gemini"


@dataclass(frozen=True, kw_only=True)
class Way:
    """How the host is to reach the server.

    command: how dcm-hook is called. header: the variable with the key, when the server wants one.
    http: post by the host itself where it can; else everything goes by the command.
    """

    url: str
    command: str
    header: str | None = None
    http: bool = True


@dataclass(frozen=True, kw_only=True)
class Host:
    """file: by scope, below which folder. events: name -> matcher of the tools, None without."""

    name: HostName
    title: str
    folder: Callable[[], Path]
    project_folder: str
    file: str
    local_file: str | None = None
    events: dict[str, str | None]
    posts: frozenset[str] = frozenset()
    timeout: int = TIMEOUT_SECONDS
    advice: str = ""

    def settings(self, scope: Scope, project: Path) -> Path | None:
        """Its settings file; None when it has none of this scope."""
        if scope is Scope.USER:
            return self.folder() / self.file
        name = self.local_file if scope is Scope.LOCAL else self.file
        return project / self.project_folder / name if name else None

    def groups(self, way: Way) -> dict[str, Json]:
        """Event -> what is added to the list of its hooks."""
        return {
            event: {
                **({"matcher": matcher} if matcher else {}),
                "hooks": [self._handler(event, way)],
            }
            for event, matcher in self.events.items()
        }

    def _handler(self, event: str, way: Way) -> Json:
        if not (way.http and event in self.posts):
            return {"type": "command", "command": way.command, "timeout": self.timeout}
        handler = {"type": "http", "url": way.url + HOOK_ROUTE, "timeout": self.timeout}
        if way.header:
            handler["headers"] = {"Authorization": f"Bearer ${way.header}"}
            handler["allowedEnvVars"] = [way.header]
        return handler


def is_ours(handler: object) -> bool:
    """Whether a handler of anybody's settings is one that install writes."""
    if not isinstance(handler, dict):
        return False
    if handler.get("type") == "http":
        return str(handler.get("url", "")).endswith(HOOK_ROUTE)
    return _program(str(handler.get("command", ""))) == HOOK_COMMAND


def _program(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    return Path(words[0]).name.removesuffix(".exe") if words else ""


def hook_command(scope: Scope, url: str, *, is_default_url: bool) -> str:
    """How a host calls dcm-hook: by its path, except in a file that goes to other machines."""
    program = HOOK_COMMAND if scope is Scope.PROJECT else hook_program() or HOOK_COMMAND
    words = [program] if is_default_url else [program, "--url", url]
    return shlex.join(words)


def hook_program() -> str | None:
    """The dcm-hook of this installation, else the one on PATH."""
    beside = Path(sys.executable).with_name(HOOK_COMMAND)
    return str(beside) if beside.exists() else shutil.which(HOOK_COMMAND)


def _home(variable: str, name: str) -> Callable[[], Path]:
    def folder() -> Path:
        given = os.environ.get(variable)
        return Path(given).expanduser() if given else Path.home() / name

    return folder


_TOOLS = {"PreToolUse": "*", "PostToolUse": "*"}
# Hosts wait for every hook, so only events that the server makes something of are registered.
_CLAUDE_CODE_EVENTS: dict[str, str | None] = {
    "SessionStart": None,
    "UserPromptSubmit": None,
    **_TOOLS,
    "PostToolUseFailure": "*",
    "SubagentStart": None,
    "SubagentStop": None,
    "TaskCreated": None,
    "TaskCompleted": None,
    "TeammateIdle": None,
    "Notification": None,
    "PreCompact": None,
    "PostCompact": None,
    "Stop": None,
    "StopFailure": None,
    "SessionEnd": None,
}
_CODEX_EVENTS: dict[str, str | None] = {
    "SessionStart": None,
    "UserPromptSubmit": None,
    **_TOOLS,
    "SubagentStart": None,
    "SubagentStop": None,
    "PreCompact": None,
    "PostCompact": None,
    "Stop": None,
    "StopFailure": None,
}
_GEMINI_EVENTS: dict[str, str | None] = {
    "SessionStart": None,
    "BeforeAgent": None,
    "AfterAgent": None,
    "BeforeTool": "*",
    "AfterTool": "*",
    "PreCompress": None,
    "Notification": None,
    "SessionEnd": None,
}

HOSTS = {
    host.name: host
    for host in (
        Host(
            name=HostName.CLAUDE_CODE,
            title="Claude Code",
            folder=_home("CLAUDE_CONFIG_DIR", ".claude"),
            project_folder=".claude",
            file="settings.json",
            local_file="settings.local.json",
            events=_CLAUDE_CODE_EVENTS,
            # It takes no http handler for SessionStart.
            posts=frozenset(_CLAUDE_CODE_EVENTS) - {"SessionStart"},
        ),
        Host(
            name=HostName.CODEX,
            title="Codex CLI",
            folder=_home("CODEX_HOME", ".codex"),
            project_folder=".codex",
            file="hooks.json",
            events=_CODEX_EVENTS,
            advice="older versions want `hooks = true` under [features] in config.toml",
        ),
        Host(
            name=HostName.GEMINI,
            title="Gemini CLI",
            folder=_home("GEMINI_CONFIG_DIR", ".gemini"),
            project_folder=".gemini",
            file="settings.json",
            events=_GEMINI_EVENTS,
            timeout=TIMEOUT_SECONDS * 1000,  # in milliseconds here
        ),
    )
}
