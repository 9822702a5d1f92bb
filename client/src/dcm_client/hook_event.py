"""One event of the host: read from stdin, made complete, made small enough to send."""

import json
import os
import re
from time import gmtime, strftime, time_ns
from typing import Any

from dcm_client.redact import redact_event

Event = dict[str, Any]

LARGEST_INPUT = 4 * 1024 * 1024  # of an event above it, only what identifies it is kept
LARGEST_FIELD = 10 * 1024
LARGEST_EVENT = 128 * 1024
# Secrets are sought in more than is kept, or the cut could hide half of one.
LARGEST_SEARCHED = 16 * 1024
CUT = " … [cut]"
_EDGE = 64 * 1024


def read_event(file: int, environment: dict[str, str]) -> Event | None:
    """The event on this file descriptor, else in the variables of older hosts; None if neither."""
    body, is_whole = _read(file)
    if is_whole and not body.strip():
        return complete(_from_environment(environment), environment)
    try:
        event = json.loads(body) if is_whole else _outline(body)
    except (ValueError, RecursionError):
        return None
    return complete(event, environment) if isinstance(event, dict) else None


def complete(event: Event, environment: dict[str, str]) -> Event | None:
    """With session, folder and an id; None without a name or a session: nobody would take it."""
    if not event.get("session_id"):
        names = ("CLAUDE_SESSION_ID", "CLAUDE_CODE_SESSION_ID", "SESSION_ID")
        event["session_id"] = _first(environment, *names)
    if not event.get("hook_event_name") or not event["session_id"]:
        return None
    if not event.get("cwd"):
        folder = _first(environment, "CLAUDE_PROJECT_DIR", "CLAUDE_PROJECT_PATH", "PROJECT_DIR")
        event["cwd"] = folder or _current_folder()
    # The server tells by these that an event came twice. They are made here, before the first
    # attempt, so that what is sent again from the spool is still the same event.
    id_field = _ID_FIELDS.get(event["hook_event_name"])
    if id_field and not event.get(id_field):
        event[id_field] = f"dcm-hook-{os.urandom(12).hex()}"
    return event


_ID_FIELDS = {
    "PostToolUse": "tool_use_id",
    "PostToolUseFailure": "tool_use_id",
    "UserPromptSubmit": "prompt_id",
    "AfterTool": "tool_use_id",  # Gemini CLI's names
    "BeforeAgent": "prompt_id",
}


def to_line(event: Event, *, redacted: bool) -> bytes:
    """The event as one line of JSON: every field at most LARGEST_FIELD, without secrets."""
    event = _Shortening(LARGEST_EVENT).of(event)
    if redacted:
        event = redact_event(shorten_fields(event, LARGEST_SEARCHED))
    return json.dumps(shorten_fields(event, LARGEST_FIELD), separators=(",", ":")).encode()


def signed(line: bytes, *, took_ms: int) -> bytes:
    """With what the server cannot know: this machine, its clock, what was done until now."""
    told = {"machine": os.uname().nodename, "sent_at_ms": time_ns() // 1_000_000}
    return _with(line, dcm_hook={**told, "took_ms": took_ms})


def spooled(line: bytes) -> bytes:
    """With the moment, and a mark that its host will not wait for the reply."""
    told = {"machine": os.uname().nodename, "spooled": True}
    if b'"timestamp":' in line:  # perhaps the host's own, which is as good
        return _with(line, dcm_hook=told)
    return _with(line, dcm_hook=told, timestamp=strftime("%Y-%m-%dT%H:%M:%SZ", gmtime()))


def _with(line: bytes, **fields: Any) -> bytes:
    """The object on this line with more fields; the last of one name counts."""
    return line[:-1] + b"," + json.dumps(fields, separators=(",", ":")).encode()[1:]


# --- reading ------------------------------------------------------------------------------------


def _read(file: int) -> tuple[bytes, bool]:
    """All of it; of more than LARGEST_INPUT the beginning and the end, and False.

    The rest is read, too: a host that is still writing must not be told that nobody listens.
    """
    chunks, size, end = [], 0, b""
    while chunk := os.read(file, 1 << 20):
        size += len(chunk)
        if size <= LARGEST_INPUT:
            chunks.append(chunk)
        else:
            end = (end + chunk)[-_EDGE:]
    body = b"".join(chunks)
    return (body, True) if size <= LARGEST_INPUT else (body[:_EDGE] + end, False)


def _outline(edges: bytes) -> Event:
    """What identifies an event, found in its text: quotes within texts are escaped, so this is."""
    found = re.findall(
        rb'"(hook_event_name|session_id|cwd|prompt_id|agent_id|agent_type|tool_name|tool_use_id|'
        rb'source|error|task_id)"\s*:\s*("(?:[^"\\]|\\.){0,2000}")',
        edges,
    )
    event: Event = {}
    for name, value in found:
        event.setdefault(name.decode(), json.loads(value))
    return event


def _from_environment(environment: dict[str, str]) -> Event:
    """A tool call as older hosts tell it, in CLAUDE_TOOL_* or TOOL_*."""

    def get(name: str) -> str | None:
        return _first(environment, f"CLAUDE_TOOL_{name}", f"TOOL_{name}")

    tool_name = get("NAME")
    if not tool_name:
        return {}
    event: Event = {"hook_event_name": "PostToolUse", "tool_name": tool_name}
    if tool_input := get("INPUT"):
        event["tool_input"] = _object(tool_input)
    if output := get("OUTPUT"):
        event["tool_response"] = output
    if (duration := get("DURATION_MS")) and duration.isdecimal():
        event["duration_ms"] = int(duration)
    exit_code = _first(environment, "CLAUDE_EXIT_CODE", "TOOL_EXIT_CODE") or "0"
    if exit_code.lstrip("-").isdecimal() and int(exit_code) != 0:
        event["hook_event_name"] = "PostToolUseFailure"
        event["error"] = f"Exit code {int(exit_code)}"
    return event


def _object(text: str) -> Event:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"input": text}


def _first(environment: dict[str, str], *names: str) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def _current_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109  pathlib costs as much to import as all the rest
    except OSError:
        return "/"


# --- shortening ---------------------------------------------------------------------------------


def shorten_fields(event: Event, largest: int) -> Event:
    """Each field of at most so many bytes of UTF-8, cut with a mark."""
    return {name: _Shortening(largest).of(value) for name, value in event.items()}


def cut(text: str, largest: int) -> str:
    """The text, or its beginning and a mark: at most `largest` bytes of UTF-8."""
    if len(text) * 4 <= largest or len(encoded := text.encode(errors="replace")) <= largest:
        return text
    kept = encoded[: max(0, largest - len(CUT.encode()))]
    return kept.decode(errors="ignore") + CUT


class _Shortening:
    """Spends a number of bytes on a value. What is small comes first: a path before contents."""

    def __init__(self, largest: int) -> None:
        self.left = largest

    def of(self, value: Any) -> Any:
        if isinstance(value, str):
            shortened = cut(value, self.left)
            self.left -= len(shortened.encode(errors="replace")) + 2
            return shortened
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, dict):
            return self._object(value)
        self.left -= 6
        return value

    def _list(self, values: list[Any]) -> list[Any]:
        kept: list[Any] = []
        for value in values:
            if self.left <= 0:
                return [*kept, CUT.strip()]
            kept.append(self.of(value))
        return kept

    def _object(self, members: Event) -> Event:
        kept: Event = {}
        for name in sorted(members, key=lambda name: _size(members[name])):
            if self.left <= 0:
                break
            short_name = cut(name, self.left)
            self.left -= len(short_name) + 4
            kept[short_name] = self.of(members[name])
        in_order = {name: kept[name] for name in members if name in kept}
        return kept if len(in_order) < len(kept) else in_order


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str) else 64 if isinstance(value, dict | list) else 0
