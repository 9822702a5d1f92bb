"""Rows for tests: each function saves one, with any columns given, and makes the parents it needs.

They write no events. From an async test: `await in_thread(make_subtask, agent_id="backend")`.
"""

import itertools
import uuid
from datetime import timedelta
from typing import Any, TypeVar

from django.utils import timezone

from messaging.models import Agent, Delivery, Message
from projects.models import Action, Claim, Lease, Project, Request, Subtask, Task
from projects.path_patterns import key_of, like_of, stem_of
from projects.services.status import set_status
from routing.models import KeywordToolScore

Row = TypeVar("Row", Request, Task, Subtask)
_numbers = itertools.count(1)


def make_project(**columns: Any) -> Project:
    columns.setdefault("path", f"/srv/project-{next(_numbers)}")
    return Project.objects.create(**columns)


def make_request(
    *, project: Project | None = None, status: str = Request.Status.ACTIVE, **columns: Any
) -> Request:
    defaults = {"session_id": f"session-{next(_numbers)}", "prompt": "Add login"}
    request = Request(project=project or make_project(), **(defaults | columns))
    return _saved(request, status, columns)


def make_task(
    *, request: Request | None = None, status: str = Task.Status.PENDING, **columns: Any
) -> Task:
    defaults = {"name": "Wave 0", "wave_number": 0}
    task = Task(request=request or make_request(), **(defaults | columns))
    return _saved(task, status, columns)


def make_subtask(
    *, task: Task | None = None, status: str = Subtask.Status.PENDING, **columns: Any
) -> Subtask:
    defaults = {"description": "Write the serializer"}
    subtask = Subtask(task=task or make_task(), **(defaults | columns))
    return _saved(subtask, status, columns)


def make_action(**columns: Any) -> Action:
    """An action of no subtask and no session, unless given."""
    defaults = {"tool_name": "Edit", "tool_type": "builtin"}
    return Action.objects.create(**(defaults | columns))


def make_lease(*, project: Project | None = None, pattern: str = "src/**", **columns: Any) -> Lease:
    """Of an hour, unless given."""
    key = key_of(pattern)
    defaults = {"agent_id": "ag-1", "token": 1, "expires_at": timezone.now() + timedelta(hours=1)}
    return Lease.objects.create(
        project=project or make_project(),
        pattern=pattern,
        key=key,
        stem=stem_of(key),
        likeness=like_of(key),
        **(defaults | columns),
    )


def make_claim(*, subtask: Subtask | None = None, **columns: Any) -> Claim:
    """Of an hour, unless given; the subtask is its agent's, and running."""
    now = timezone.now()
    defaults = {"agent_id": "ag-1", "token": 1, "ttl_seconds": 3600, "claimed_at": now}
    given = defaults | {"expires_at": now + timedelta(hours=1)} | columns
    if subtask is None:
        subtask = make_subtask(agent_id=str(given["agent_id"]), status=Subtask.Status.RUNNING)
    return Claim.objects.create(subtask=subtask, **given)


def make_score(keyword: str, tool_name: str = "Edit", **columns: Any) -> KeywordToolScore:
    columns.setdefault("tool_type", "builtin")
    return KeywordToolScore.objects.create(keyword=keyword, tool_name=tool_name, **columns)


def make_message(*, expires_in: timedelta = timedelta(hours=1), **columns: Any) -> Message:
    """A broadcast, unless given."""
    topic = columns.get("topic", "task.created")
    now = timezone.now()
    defaults = {
        "from_agent": "planner",
        "topic": topic,
        "message_type": topic,
        "content": {"n": 1},
        "created_at": now,
        "expires_at": now + expires_in,
    }
    return Message.objects.create(**(defaults | columns))


def make_agent(agent_id: str = "ag-1", **columns: Any) -> Agent:
    """At work, the main agent of a session of its id, unless given."""
    defaults = {
        "session_id": agent_id,
        "name": f"quiet-otter-{next(_numbers)}",
        "state": Agent.State.WORKING,
        "reason": "was given a prompt",
        "last_event": "UserPromptSubmit",
    }
    return Agent.objects.create(agent_id=agent_id, **(defaults | columns))


def make_delivery(**columns: Any) -> Delivery:
    """Queued, of a message that is gone, unless given."""
    defaults = {
        "message_id": uuid.uuid4(),
        "from_agent": "lead",
        "to_agent": "ag-1",
        "number": 1,
        "expires_at": timezone.now() + timedelta(hours=1),
    }
    return Delivery.objects.create(**(defaults | columns))


def _saved(row: Row, status: str, columns: dict[str, Any]) -> Row:
    """With the moments that go with the status, unless they are given."""
    set_status(row, status)
    for name in {"started_at", "completed_at"} & columns.keys():
        setattr(row, name, columns[name])
    row.save(force_insert=True)
    return row
