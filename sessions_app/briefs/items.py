"""Rows as items of a brief: short texts, and how relevant each is. Contract: context-briefs 5.

What was recorded is data. Each item is one line, so that it can forge neither a heading nor a
template tag, and what somebody said stands in quotes.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from messaging.models import Block, Message
from projects.models import Subtask
from sessions_app.briefs.budget import mark, relevance_of
from sessions_app.briefs.material import Asked, Call, Decided, Found, Shared

LONGEST_CONTENT = 200
LONGEST_ERROR = 160
LONGEST_ID = 200
LONGEST_PROMPT = 300

Item = dict[str, Any]


def one_line(text: str, longest: int | None = None) -> str:
    """The text without line breaks and control characters, cut to `longest` with an ellipsis."""
    if longest is not None:
        text = text[: 4 * longest]  # what is a megabyte long is not read to its end
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if longest is None or len(flat) <= longest else f"{flat[: longest - 3]}..."


def task_item(task: Subtask, now: datetime, relevance: float = 0.8) -> Item:
    return {
        "mark": mark(relevance),
        "id": task.id,
        "status": task.status,
        "shout": task.status.upper(),
        "description": one_line(task.description),
        "brief": one_line(task.description, 80),
        "summary": one_line(task.description, LONGEST_CONTENT),
        "agent_type": one_line(task.agent_type or "", LONGEST_ID),
        "agent": one_line(task.agent_id or task.agent_type or "nobody yet", LONGEST_ID),
        "wave": task.task.wave_number,
        "wave_name": one_line(task.task.name or "", LONGEST_ID),
        "blocked_by": [str(blocker) for blocker in task.blocked_by],
        "elapsed": elapsed(now, task.started_at),
        "result": one_line(_result(task), LONGEST_CONTENT),
    }


def _result(task: Subtask) -> str:
    result = task.result or {}
    said = result.get("message") or result.get("summary") if isinstance(result, dict) else None
    return said if isinstance(said, str) else json.dumps(result, ensure_ascii=False) * bool(result)


def elapsed(now: datetime, since: datetime | None) -> str:
    if since is None:
        return ""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def message_item(message: Message, relevance: float) -> Item:
    return {
        "mark": mark(relevance),
        "sender": one_line(message.from_agent or "system", LONGEST_ID),
        "topic": one_line(message.topic or ""),
        "high": message.priority >= Message.HIGH_PRIORITY,
        "text": one_line(said_in(message), LONGEST_CONTENT),
        "relevance": relevance,
    }


def said_in(message: Message) -> str:
    said = message.content
    # A text is stored as {"message": text}.
    if set(said) == {"message"} and isinstance(said["message"], str):
        return said["message"]
    return json.dumps(said, ensure_ascii=False)


def block_item(block: Block, relevance: float) -> Item:
    reason = block.reason or "no reason given"
    return {
        "mark": mark(relevance),
        "by": one_line(block.blocked_by, LONGEST_ID),
        "blocked": one_line(block.blocked_agent, LONGEST_ID),
        "short": one_line(reason, 50),
        "reason": one_line(reason, 80),
    }


def call_item(call: Call, relevance: float) -> Item:
    ok = call.exit_code == 0
    return {
        "mark": mark(relevance),
        "tool": one_line(call.tool_name, 80),
        "outcome": "ok" if ok else f"error ({call.exit_code})",
        "exit_code": call.exit_code,
        "duration_ms": call.duration_ms,
        "files": ", ".join(one_line(name, LONGEST_CONTENT) for name in call.file_paths[:2]),
        "asked": one_line(_asked(call.asked), LONGEST_ERROR),
        "error": one_line(_error_in(call.said), LONGEST_ERROR),
    }


_ASKED_FIELDS = ("command", "query", "pattern", "url", "prompt", "description")


def _asked(text: str | None) -> str:
    """The command of a shell, the pattern of a search, else the input as it is."""
    if not text or not text.startswith("{"):
        return text or ""
    for name in _ASKED_FIELDS:
        _, found, rest = text.partition(f'"{name}":')
        if found:
            return _json_text(rest.lstrip())
    return ""


def _json_text(text: str) -> str:
    """The text that a JSON document begins with; it may have been cut off."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return text.strip('"')
    return value if isinstance(value, str) else json.dumps(value)


_TELLING = ("error", "fail", "exception", "panic", "expected", "denied", "not found", "fatal")


def _error_in(output: str | None) -> str:
    """The last line that tells what went wrong, else the last."""
    lines = [line for line in (output or "").splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line.lower() for word in _TELLING)]
    return next(reversed(telling or lines), "")


def question_item(question: Asked, relevance: float) -> Item:
    return {
        "mark": mark(relevance),
        "id": question.id,
        "by": one_line(question.by, LONGEST_ID),
        "to": one_line(question.to or "all", LONGEST_ID),
        "text": one_line(question.text, LONGEST_CONTENT),
        "answer": one_line(question.answer or "", LONGEST_CONTENT),
        "answered_by": one_line(question.answered_by or "", LONGEST_ID),
    }


def decision_item(decision: Decided, relevance: float) -> Item:
    return {
        "mark": mark(relevance),
        "by": one_line(decision.by, LONGEST_ID),
        "text": one_line(decision.text, LONGEST_CONTENT),
        "why": one_line(decision.why or "", LONGEST_CONTENT),
    }


def entry_item(entry: Shared, relevance: float) -> Item:
    return {
        "mark": mark(relevance),
        "key": one_line(entry.key, 80),
        "value": one_line(entry.value, LONGEST_CONTENT),
        "by": one_line(entry.by, LONGEST_ID),
    }


def found_item(found: Found, relevance: float) -> Item:
    return {
        "mark": mark(relevance),
        "kind": found.kind,
        "text": one_line(found.text, LONGEST_CONTENT),
    }


def most_relevant(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: relevance_of(item["mark"]), reverse=True)
