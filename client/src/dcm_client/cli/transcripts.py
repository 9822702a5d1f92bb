"""Claude Code's own records as the hook events that would have told the same.

`~/.claude/projects/<folder>/<session>.jsonl`, one object a line. Ids are the host's own, so what
was told live, or is imported again, is known to the server. Contract: integrations 1.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]

LONGEST_LINE = 32 * 1024 * 1024
# Notes of the host in the user's place.
_NO_PROMPTS = ("<command-", "<local-command-", "<system-reminder", "<task-notification", "Caveat:")


def projects_folder() -> Path:
    given = os.environ.get("CLAUDE_PROJECTS")
    home = os.environ.get("CLAUDE_CONFIG_DIR")
    return Path(given) if given else (Path(home) if home else Path.home() / ".claude") / "projects"


def transcripts(folder: Path) -> list[Path]:
    """The oldest first."""
    return sorted(folder.glob("*/**/*.jsonl"), key=lambda path: (path.stat().st_mtime, path))


@dataclass
class Transcript:
    """Reads on where it stopped. position: bytes of whole lines that were read."""

    path: Path
    position: int = 0
    session_id: str | None = None
    cwd: str | None = None
    last_moment: str | None = None
    calls: dict[str, Json] = field(default_factory=dict)

    def events(self) -> Iterator[Json]:
        """The events of each line; `position` is behind that line then."""
        with self.path.open("rb") as lines:
            lines.seek(self.position)
            while line := lines.readline(LONGEST_LINE):
                if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
                    return  # still being written
                entry = _parse(line)
                # Before the line counts as read: whoever stops in the middle begins with it again.
                yield from self._read(entry) if entry is not None else ()
                self.position += len(line)

    def _read(self, entry: Json) -> Iterator[Json]:
        self.session_id = _text(entry.get("sessionId")) or self.session_id or self.path.stem
        self.cwd = _text(entry.get("cwd")) or self.cwd or "/" + self.path.parent.name.lstrip("-")
        self.last_moment = _text(entry.get("timestamp")) or self.last_moment
        message = entry.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        if entry.get("type") == "user" and isinstance(content, str):
            yield from self._prompt(entry, content)
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict):
                yield from self._part(entry, part)

    def _part(self, entry: Json, part: Json) -> Iterator[Json]:
        kind = part.get("type")
        if kind == "tool_use" and (call_id := _text(part.get("id"))):
            self.calls[call_id] = part
        elif kind == "tool_result" and (call := self.calls.pop(str(part.get("tool_use_id")), None)):
            yield self._ended(entry, call, part)
        elif kind == "text" and entry.get("type") == "user":
            yield from self._prompt(entry, str(part.get("text", "")))

    def _prompt(self, entry: Json, text: str) -> Iterator[Json]:
        is_note = entry.get("isMeta") or entry.get("isSidechain") or entry.get("isCompactSummary")
        if is_note or not text.strip() or text.startswith(_NO_PROMPTS):
            return
        prompt_id = _text(entry.get("promptId")) or _text(entry.get("uuid"))
        yield self._event("UserPromptSubmit", prompt=text, prompt_id=prompt_id)

    def _ended(self, entry: Json, call: Json, result: Json) -> Json:
        failed = result.get("is_error") is True
        content = result.get("content")
        return self._event(
            "PostToolUseFailure" if failed else "PostToolUse",
            tool_name=call.get("name"),
            tool_input=call.get("input"),
            tool_use_id=call["id"],
            **{"error" if failed else "tool_response": _plain(content)},
            **self._subagent(entry),
        )

    def _subagent(self, entry: Json) -> Json:
        agent_id = _text(entry.get("agentId")) if entry.get("isSidechain") else None
        return {"agent_id": agent_id} if agent_id else {}

    def end(self) -> Json:
        return self._event("SessionEnd", reason="imported")

    def _event(self, name: str, **fields: Any) -> Json:
        return {
            "hook_event_name": name,
            "session_id": self.session_id,
            "cwd": self.cwd,
            "timestamp": self.last_moment,
            **{field: value for field, value in fields.items() if value is not None},
        }


def _parse(line: bytes) -> Json | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _plain(content: Any) -> Any:
    """The texts of a result alone, when it has nothing else."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "\n".join(str(text) for text in texts)
    return content
