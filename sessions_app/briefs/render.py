"""From rows to Markdown: the words are in jinja2/briefs. Contract: context-briefs 5.

Recorded text is only ever a value of a template, never part of one.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dcm.lib import wire
from projects.models import Subtask
from sessions_app.briefs import weights
from sessions_app.briefs.agent_types import category_of, speciality_of
from sessions_app.briefs.budget import mark
from sessions_app.briefs.files import file_items
from sessions_app.briefs.held import lease_items
from sessions_app.briefs.items import (
    LONGEST_ID,
    LONGEST_PROMPT,
    Item,
    block_item,
    call_item,
    decision_item,
    entry_item,
    found_item,
    message_item,
    most_relevant,
    one_line,
    question_item,
    task_item,
)
from sessions_app.briefs.material import Material, Wanted
from sessions_app.briefs.weights import Weights

# Markdown, not HTML: nothing is escaped.
_TEMPLATES = Environment(  # nosec B701
    loader=FileSystemLoader(Path(__file__).parents[1] / "jinja2"),
    autoescape=False,  # noqa: S701
    undefined=StrictUndefined,
    auto_reload=False,
)
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
_STATUSES = ("running", "blocked", "paused", "pending")
_OPEN = frozenset(_STATUSES)


def render(wanted: Wanted, material: Material, now: datetime) -> str:
    """The whole brief, each item marked with its relevance; see budget."""
    category = category_of(wanted.agent_type)
    name = category if material.news is None else "delta"
    shown = _context(wanted, material, now, category)
    return _TEMPLATES.get_template(f"briefs/{name}.md").render(shown)


def _context(wanted: Wanted, material: Material, now: datetime, category: str) -> dict[str, Any]:
    weigh = Weights(wanted, material, leads=category == "orchestrator")
    return {
        "category": category,
        "hint": mark(weights.HINT),
        "note": mark(weights.NOTE),
        "agent_id": one_line(wanted.agent_id, LONGEST_ID),
        "session_id": one_line(wanted.session_id, LONGEST_ID),
        "since": one_line(wanted.since or "", LONGEST_ID),
        "generated_at": wire.wire_time(now),
        "project": _project(material),
        **_prompts(wanted, material),
        **_tasks(wanted, material, now),
        **_team(wanted, material, weigh, now),
        **_messages(material, weigh),
        **file_items(wanted, material, weigh, now),
        "leases": lease_items(wanted, material),
        "blockings": [block_item(block, weights.BLOCK) for block in material.blockings],
        "actions": [
            call_item(call, 0.45 - 0.04 * place) for place, call in enumerate(material.history[:5])
        ],
        "failures": [
            call_item(call, weights.FAILURE - 0.03 * place)
            for place, call in enumerate(material.failures)
        ],
        "questions": [question_item(q, weigh.question(q)) for q in material.questions],
        "asked": [question_item(q, weights.ASKED) for q in material.asked],
        "answers": [question_item(q, weights.ANSWER) for q in material.answers],
        "decisions": most_relevant(decision_item(d, weigh.decision(d)) for d in material.decisions),
        "entries": most_relevant(entry_item(e, weigh.entry(e)) for e in material.entries),
        "nothing_new": material.news is not None and not material.news,
        "recalled": [found_item(found, weights.RECALLED) for found in material.recalled],
    }


def _project(material: Material) -> dict[str, str] | None:
    project = material.project
    if project is None:
        return None
    return {"name": one_line(project.name or "unnamed"), "path": one_line(project.path)}


def _prompts(wanted: Wanted, material: Material) -> dict[str, str]:
    """The newest request, and the one of before the compaction when that was another."""
    request = material.request
    prompt = one_line(request.prompt, LONGEST_PROMPT) if request else ""
    before = wanted.snapshot["request"] if wanted.snapshot else None
    if before is None or (request is not None and before["id"] == str(request.id)):
        return {"prompt": prompt, "earlier_prompt": ""}
    return {"prompt": prompt, "earlier_prompt": one_line(before["prompt"], LONGEST_PROMPT)}


def _tasks(wanted: Wanted, material: Material, now: datetime) -> dict[str, Any]:
    tasks = [task_item(task, now, weights.OWN_TASK) for task in material.tasks]
    by_status = {status: [t for t in tasks if t["status"] == status] for status in _STATUSES}
    order = by_status["running"] or by_status["pending"]
    current = next(iter(order or by_status["blocked"] or by_status["paused"]), None)
    speciality = speciality_of(wanted.agent_type, wanted.agent_id)
    return {
        "tasks": tasks,
        **by_status,
        "current": current,
        "others": [task for task in tasks if task is not current],
        "speciality": speciality,
        "related": sum(_concerns(task, speciality.words) for task in material.tasks),
    }


def _team(wanted: Wanted, material: Material, weigh: Weights, now: datetime) -> dict[str, Any]:
    total, done = sum(material.progress.values()), material.progress.get("completed", 0)
    ended = [task for task in material.team if task.status not in _OPEN]
    busy = [task for task in (*material.tasks, *material.team) if task.status == "running"]
    then = {each["id"] for each in wanted.snapshot["subtasks"]} if wanted.snapshot else set()
    finished = [
        task_item(task, now, weigh.finished(task, is_news=str(task.id) in then))
        | {"is_news": str(task.id) in then}
        for task in ended
    ]
    at_work = [task for task in material.team if task.status in _OPEN]
    return {
        "team": [task_item(task, now, weights.TEAM) for task in at_work],
        "awaited": [
            task_item(task, now, weights.AWAITED) for task in at_work if weigh.is_awaited(task)
        ],
        "team_blocks": [block_item(block, weights.TEAM_BLOCK) for block in material.team_blocks],
        "finished": most_relevant(finished),
        "reviewed": [
            item
            for item, task in zip(finished, ended, strict=True)
            if task.status == "completed" and _concerns(task, _REVIEW_WORDS)
        ][:3],
        "progress": material.progress,
        "progress_mark": mark(weights.PROGRESS),
        "total": total,
        "done": done,
        "percent": 100 * done // total if total else 0,
        "busy_types": len({task.agent_type for task in busy}),
    }


def _messages(material: Material, weigh: Weights) -> dict[str, Any]:
    """All of them, and those that each kind of agent cares for."""
    items = [message_item(message, weigh.message(message)) for message in material.messages]
    direct = [
        item
        for item, message in zip(items, material.messages, strict=True)
        if message.to_agent is not None
    ]
    return {
        "urgent": [item for item in items if item["high"]],
        "ordinary": [item for item in items if not item["high"]],
        "for_developer": _about(items, direct, topics=("task.created", "context.request")),
        "for_validator": _about(
            items, direct, topics=("task.completed", "context.request"), senders=_BUILDERS
        ),
        "for_specialist": _about(items, direct, topics=("context.request",), senders=_LEADERS),
    }


def _about(
    items: Iterable[Item],
    direct: list[Item],
    *,
    topics: tuple[str, ...],
    senders: tuple[str, ...] = (),
) -> list[Item]:
    """Those to the agent alone, and of the others that are urgent, on a topic or from a sender."""
    return [
        item
        for item in items
        if item["high"]
        or item["topic"] in topics
        or any(item is one for one in direct)
        or any(sender in item["sender"] for sender in senders)
    ]


def _concerns(task: Subtask, words: tuple[str, ...]) -> bool:
    return any(word in task.description.lower() for word in words)
