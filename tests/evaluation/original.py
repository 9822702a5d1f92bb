"""The brief of the original service, for comparison. Contract: context-briefs 3 to 7.

As it is described there, quirks included, except that it may read the blocks: the original's own
statement names a table that does not exist.
"""

import json
import math
from collections.abc import Iterable

from django.db.models import Case, IntegerField, Q, Value, When

from messaging.models import Block, Message
from projects.models import Action, Request, Subtask
from sessions_app.briefs.agent_types import CATEGORY_OF_TYPE

HISTORY = 15  # as after a compaction
NOTICE = "\n---\n*Brief truncated.*"
BUILDERS = (
    *("backend-laravel", "frontend-react", "laravel-api", "database-admin"),
    *("react-native-dev", "supabase-backend", "devops-infra"),
)
LEADERS = ("project-supervisor", "tech-lead", "step-orchestrator")
OPEN = ["running", "blocked", "paused", "pending"]


def original_brief(*, agent_id: str, agent_type: str, session_id: str, max_tokens: int) -> str:
    category = CATEGORY_OF_TYPE.get(agent_type, "developer")
    material = _Material(agent_id, session_id)
    lines = {
        "orchestrator": _orchestrator,
        "validator": _validator,
        "specialist": _specialist,
        "writer": _specialist,
    }.get(category, _developer)(material)
    head = [f"# {category} brief", "", f"- {agent_id}", f"- {session_id}", f"- {'t' * 24}", ""]
    return _fit("\n".join([*head, *lines]), max_tokens)


class _Material:
    def __init__(self, agent_id: str, session_id: str) -> None:
        own = Q(agent_id=agent_id) | Q(agent_type=agent_id)
        place = Case(
            *(When(status=status, then=Value(n)) for n, status in enumerate(OPEN)),
            output_field=IntegerField(),
        )
        tasks = Subtask.objects.filter(own, status__in=OPEN).select_related("task")
        self.tasks = list(tasks.order_by(place, "created_at")[:20])
        inbox = Message.objects.inbox_of(agent_id).unread_by(agent_id)
        self.messages = list(inbox[:20])
        self.blocks = list(Block.objects.against(agent_id)[:10])
        history = Action.objects.filter(subtask__in=Subtask.objects.filter(own))
        self.history = list(history.order_by("-created_at")[:HISTORY])
        requests = Request.objects.filter(session_id=session_id).select_related("project")
        self.request = requests.order_by("-created_at").first()
        self.files = list(dict.fromkeys(path for a in self.history for path in a.file_paths))

    def with_status(self, status: str) -> list[Subtask]:
        return [task for task in self.tasks if task.status == status]


def _orchestrator(found: _Material) -> list[str]:
    lines: list[str] = []
    if found.request:
        project = found.request.project
        lines += ["## Mission", f"- {project.name}", f"- {project.path}"]
        lines += [f"- {_cut(found.request.prompt, 200)}", ""]
    lines.append(f"## Active work ({len(found.tasks)})")
    for status, most in (("running", 5), ("blocked", 5), ("pending", 3)):
        for task in found.with_status(status)[:most]:
            waits = (
                f" waits for {', '.join(map(str, task.blocked_by[:2]))}" if task.blocked_by else ""
            )
            shown = f"- {status.upper()} {_cut(task.description, 80)} ({task.agent_type})"
            lines.append(f"{shown} wave {task.task.wave_number}{waits}")
    lines += ["", f"## Blocks ({len(found.blocks)})"]
    lines += [f"- {b.blocked_by}: {_cut(b.reason or '', 50)}" for b in found.blocks[:5]]
    urgent = [m for m in found.messages if m.priority >= 5]
    others = [m for m in found.messages if m.priority < 5]
    lines += ["", "## Messages", *_said(urgent[:3], 60), *_said(others[:3], 60), "", "## Progress"]
    types = {task.agent_type for task in found.with_status("running")}
    lines += [f"- 0/{len(found.tasks)} (0%)", f"- {len(found.with_status('blocked'))} blocked"]
    return [*lines, f"- {len(types)} agent types", *_instructions(4)]


def _developer(found: _Material) -> list[str]:
    lines = ["## Current task", *_current(found, waiting=True), "", "## Relevant files"]
    lines += [f"- {path}" for path in found.files[:8]] or ["- none"]
    lines += ["", f"## Recent actions ({min(len(found.history), 5)})"]
    for action in found.history[:5]:
        outcome = "ok" if action.exit_code == 0 else f"error({action.exit_code})"
        took = f" {action.duration_ms}ms" if action.duration_ms else ""
        lines.append(f"- {outcome} {action.tool_name}{took} {', '.join(action.file_paths[:2])}")
    if found.blocks:
        lines += ["", "## Blockers"]
        lines += [f"- {b.blocked_by}: {_cut(b.reason or '', 80)}" for b in found.blocks[:3]]
    relevant = [
        m
        for m in found.messages
        if m.topic in ("task.created", "context.request") or m.priority >= 5
    ]
    return [*lines, *_messages(relevant, 50), *_project(found), *_instructions(4)]


def _validator(found: _Material) -> list[str]:
    lines = ["## Validation target", *_current(found), "", "## Changes to review"]
    lines += [f"- {path}" for path in found.files[:10]] or ["- none"]
    failed = [action for action in found.history if action.exit_code != 0]
    if failed:
        lines += ["", f"## Previous issues ({len(failed)})"]
        lines += [
            f"- {a.tool_name} exit {a.exit_code} {', '.join(a.file_paths[:2])}" for a in failed[:5]
        ]
    asked = [
        m
        for m in found.messages
        if m.topic in ("task.completed", "context.request")
        or any(name in (m.from_agent or "") for name in BUILDERS)
    ]
    lines += [*_messages(asked, 60), *_project(found), "", "## Checklist"]
    checks = ("build", "tests", "regression", "security", "performance")
    return [*lines, *(f"- [ ] {check}" for check in checks), *_instructions(5)]


def _specialist(found: _Material) -> list[str]:
    lines = [
        "## Assignment",
        *_current(found),
        "- Focus: the domain",
        "",
        "## Domain context",
        "- x",
    ]
    if found.files:
        lines += ["", "## Scope", *(f"- {path}" for path in found.files[:8])]
    relevant = [
        m
        for m in found.messages
        if m.topic == "context.request"
        or m.priority >= 5
        or any(name in (m.from_agent or "") for name in LEADERS)
    ]
    guidelines = ["", "## Guidelines", *["- A guideline of the specialisation, a line long"] * 5]
    return [*lines, *_messages(relevant, 50), *_project(found), *guidelines, *_instructions(4)]


def _current(found: _Material, *, waiting: bool = False) -> list[str]:
    running, pending = found.with_status("running"), found.with_status("pending")
    task = next(iter(running or pending), None)
    if task is None:
        return ["- no task"]
    lines = [f"- {task.description}", f"- {task.status.upper()}", f"- {task.task.name}"]
    return [*lines, *(f"- waits for {other}" for other in task.blocked_by if waiting)]


def _messages(messages: list[Message], length: int) -> list[str]:
    return ["", "## Messages", *_said(messages[:3], length)] if messages else []


def _said(messages: Iterable[Message], length: int) -> list[str]:
    return [
        f"- {m.from_agent or 'system'} {m.topic}: {json.dumps(m.content)[:length]}..."
        for m in messages
    ]


def _project(found: _Material) -> list[str]:
    if found.request is None:
        return []
    project = found.request.project
    return ["", "## Project", f"- {project.name}", f"- {project.path}"]


def _instructions(many: int) -> list[str]:
    return ["", "## Instructions", *["- A generic hint of about this length"] * many]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _fit(text: str, max_tokens: int) -> str:
    if math.ceil(len(text) / 4) <= max_tokens:
        return text
    budget, size, kept = 4 * max_tokens, 0, []
    for line in text.split("\n"):
        heading = line.startswith("#")
        if size + len(line) + 1 <= budget - (0 if heading else 50):
            kept.append(line)
            size += len(line) + 1
        elif not heading:
            break
    return "\n".join(kept) + NOTICE
