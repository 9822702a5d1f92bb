"""From rows to Markdown: the words are in templates/briefs. Contract: context-briefs 5.

What was recorded is data. It is shown in one line each, so that it can forge neither a heading
nor a template tag.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from dcm.lib import wire
from messaging.models import Block, Message
from projects.models import Action, Subtask
from sessions_app.briefs.agent_types import category_of, speciality_of
from sessions_app.briefs.gather import Material, Wanted
from sessions_app.models import Decision, Question

TEMPLATES = {
    "orchestrator": "orchestrator",
    "developer": "developer",
    "researcher": "developer",
    "validator": "validator",
    "specialist": "specialist",
    "writer": "specialist",
}
LONGEST_CONTENT = 200
_REVIEW_WORDS = ("test", "review", "validate", "check", "audit")
_BUILDERS = (
    "backend-laravel",
    "frontend-react",
    "laravel-api",
    "database-admin",
    "react-native-dev",
    "supabase-backend",
    "devops-infra",
)
_LEADERS = ("project-supervisor", "tech-lead", "step-orchestrator")
_KINDS_OF_CHANGE = (
    (("write", "create"), "created"),
    (("edit", "update"), "modified"),
    (("delete", "remove"), "deleted"),
)


def render(wanted: Wanted, material: Material, now: datetime) -> str:
    """The whole brief, before any budget."""
    category = category_of(wanted.agent_type)
    shown = _context(wanted, material, now)
    text = render_to_string(f"briefs/{TEMPLATES[category]}.md", {**shown, "category": category})
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _context(wanted: Wanted, material: Material, now: datetime) -> dict[str, Any]:
    tasks = [_task(task, now) for task in material.tasks]
    by_status = {status: [t for t in tasks if t["status"] == status] for status in _STATUSES}
    messages = [_message(message) for message in material.messages]
    files = list(dict.fromkeys(f for action in material.history for f in action.file_paths))
    total = sum(material.progress.values())
    done = material.progress.get("completed", 0)
    speciality = speciality_of(wanted.agent_type, wanted.agent_id)
    return {
        "agent_id": one_line(wanted.agent_id),
        "session_id": one_line(wanted.session_id),
        "generated_at": wire.wire_time(now),
        "project": _project(material),
        "prompt": one_line(material.request.prompt, 200) if material.request else "",
        "tasks": tasks,
        **by_status,
        "current": next(iter(by_status["running"] or by_status["pending"]), None),
        "blockings": [_block(block) for block in material.blockings],
        "urgent": [m for m in messages if m["high"]],
        "ordinary": [m for m in messages if not m["high"]],
        "for_developer": _about(messages, topics=("task.created", "context.request")),
        "for_validator": _about(
            messages, topics=("task.completed", "context.request"), senders=_BUILDERS, high=False
        ),
        "for_specialist": _about(messages, topics=("context.request",), senders=_LEADERS),
        "files": [one_line(name) for name in files],
        "test_files": [one_line(name) for name in files if "test" in name.lower()],
        "changes": _changes(material.history),
        "actions": [_action(action) for action in material.history],
        "failures": [_action(action) for action in material.history if action.exit_code != 0],
        "questions": [_question(question) for question in material.questions],
        "answers": [_question(question) for question in material.answers],
        "decisions": [_decision(decision) for decision in material.decisions],
        "progress": material.progress,
        "total": total,
        "done": done,
        "percent": 100 * done // total if total else 0,
        "busy_types": len({t.agent_type for t in material.tasks if t.status == "running"}),
        "speciality": speciality,
        "related": sum(_concerns(task, speciality.words) for task in material.tasks),
    }


_STATUSES = ("running", "blocked", "paused", "pending")


def one_line(text: str, longest: int | None = None) -> str:
    """The text without line breaks and control characters, cut to `longest` with an ellipsis."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if longest is None or len(flat) <= longest else f"{flat[: longest - 3]}..."


def _project(material: Material) -> dict[str, str] | None:
    project = material.project
    if project is None:
        return None
    return {"name": one_line(project.name or "unnamed"), "path": one_line(project.path)}


def _task(task: Subtask, now: datetime) -> dict[str, Any]:
    return {
        "id": task.id,
        "status": task.status,
        "shout": task.status.upper(),
        "description": one_line(task.description),
        "brief": one_line(task.description, 80),
        "agent_type": one_line(task.agent_type or ""),
        "wave": task.task.wave_number,
        "wave_name": one_line(task.task.name or ""),
        "blocked_by": [str(blocker) for blocker in task.blocked_by],
        "elapsed": _elapsed(now, task.started_at),
    }


def _elapsed(now: datetime, since: datetime | None) -> str:
    if since is None:
        return ""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _message(message: Message) -> dict[str, Any]:
    said = message.content
    # A text is stored as {"message": text}.
    plain = (
        said["message"] if set(said) == {"message"} and isinstance(said["message"], str) else None
    )
    text = plain if plain is not None else json.dumps(said, ensure_ascii=False)
    return {
        "sender": one_line(message.from_agent or "system"),
        "topic": one_line(message.topic or ""),
        "high": message.priority >= Message.HIGH_PRIORITY,
        "text": one_line(text, LONGEST_CONTENT),
    }


def _about(
    messages: Iterable[dict[str, Any]],
    *,
    topics: tuple[str, ...],
    senders: tuple[str, ...] = (),
    high: bool = True,
) -> list[dict[str, Any]]:
    """The first three that are on a topic, from one of these senders, or urgent when `high`."""
    found = [
        message
        for message in messages
        if message["topic"] in topics
        or (high and message["high"])
        or any(sender in message["sender"] for sender in senders)
    ]
    return found[:3]


def _block(block: Block) -> dict[str, str]:
    reason = block.reason or "no reason given"
    return {
        "by": one_line(block.blocked_by),
        "short": one_line(reason, 50),
        "reason": one_line(reason, 80),
    }


def _action(action: Action) -> dict[str, Any]:
    ok = action.exit_code == 0
    return {
        "tool": one_line(action.tool_name, 80),
        "outcome": "ok" if ok else f"error ({action.exit_code})",
        "exit_code": action.exit_code,
        "duration_ms": action.duration_ms,
        "files": ", ".join(one_line(name) for name in action.file_paths[:2]),
    }


def _question(question: Question) -> dict[str, str]:
    answer = question.newest_answer
    return {
        "id": question.id,
        "by": one_line(question.asked_by),
        "text": one_line(question.question, LONGEST_CONTENT),
        "answer": one_line(answer.answer, LONGEST_CONTENT) if answer else "",
        "answered_by": one_line(answer.answered_by) if answer else "",
    }


def _decision(decision: Decision) -> dict[str, str]:
    return {
        "by": one_line(decision.decided_by),
        "text": one_line(decision.decision, LONGEST_CONTENT),
        "why": one_line(decision.rationale or "", LONGEST_CONTENT),
    }


def _changes(history: list[Action]) -> list[dict[str, str]]:
    """Files and what became of them, newest first; of several kinds of change the oldest counts."""
    kinds: dict[str, str] = {}
    for action in history:
        kind = _kind_of_change(action.tool_name)
        for name in action.file_paths:
            if name not in kinds or kind != "read":
                kinds[name] = kind
    return [{"file": one_line(name), "kind": kind} for name, kind in kinds.items()]


def _kind_of_change(tool_name: str) -> str:
    name = tool_name.lower()
    for words, kind in _KINDS_OF_CHANGE:
        if any(word in name for word in words):
            return kind
    return "read"


def _concerns(task: Subtask, words: tuple[str, ...]) -> bool:
    return any(word in task.description.lower() for word in words)
