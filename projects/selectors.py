"""Reads that join or count. Contract: rest 3 (derived views), 5.2, 5.6, 5.8."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Avg, Count, F, Max, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from projects.models import Action, LeaseBook, Project, Request, Subtask, Task
from projects.serializers import ProjectOutput, RequestOutput, SubtaskOutput, TaskOutput


def project_stats(project: Project) -> dict[str, Any]:
    """Counts over the whole tree of a project.

    avg_duration_ms: of the actions that have one, 0 when none has. last_activity: of the newest
    action, or None.
    """
    tasks = Task.objects.filter(request__project=project)
    subtasks = Subtask.objects.filter(task__in=tasks)
    actions = Action.objects.filter(subtask__in=subtasks).aggregate(
        total=Count("id"),
        successful=Count("id", filter=Q(exit_code=0)),
        duration=Avg("duration_ms"),
        last=Max("created_at"),
    )
    return {
        "project_id": project.id,
        "project_name": project.name,
        "path": project.path,
        "total_requests": project.requests.count(),
        "total_subtasks": subtasks.count(),
        "total_actions": actions["total"],
        "successful_actions": actions["successful"],
        "avg_duration_ms": float(actions["duration"] or 0),
        "last_activity": actions["last"],
    }


def hierarchy(project: Project) -> dict[str, Any]:
    """{"hierarchy", "stats", "counts"}: requests newest first, tasks by wave, subtasks by age."""
    requests = Request.objects.filter(project=project).order_by("-created_at", "id")
    tasks = Task.objects.filter(request__project=project).order_by(
        "wave_number", "created_at", "id"
    )
    subtasks = Subtask.objects.filter(task__request__project=project).order_by("created_at", "id")
    request_rows = RequestOutput(requests, many=True).data
    task_rows = TaskOutput(tasks, many=True).data
    subtask_rows = SubtaskOutput(subtasks, many=True).data
    _hang(subtask_rows, "task_id", task_rows, "subtasks")
    _hang(task_rows, "request_id", request_rows, "tasks")
    for row in request_rows:
        del row["project_id"]
    for row in subtask_rows:
        del row["context_snapshot"]
    return {
        "hierarchy": {**ProjectOutput(project).data, "requests": request_rows},
        "stats": project_stats(project),
        "counts": {
            "requests": len(request_rows),
            "tasks": len(task_rows),
            "subtasks": len(subtask_rows),
        },
    }


def _hang(children: Iterable[Any], key: str, parents: Iterable[Any], name: str) -> None:
    by_parent = defaultdict(list)
    for child in children:
        by_parent[child[key]].append(child)
    for parent in parents:
        parent[name] = by_parent[parent["id"]]


def active_agents() -> list[dict[str, Any]]:
    """One row per subtask at work, latest start first, those without a start before them."""
    subtasks = (
        Subtask.objects.filter(status__in=Subtask.AT_WORK)
        .annotate(actions_count=Count("actions"))
        .order_by(F("started_at").desc(nulls_first=True), "id")
    )
    rows = subtasks.values(
        "agent_type",
        "agent_id",
        "status",
        "description",
        "started_at",
        "created_at",
        "actions_count",
        subtask_id=F("id"),
        current_task=F("description"),
        request_id=F("task__request_id"),
        session_id=F("task__request__session_id"),
        project_id=F("task__request__project_id"),
        project_name=F("task__request__project__name"),
        project_path=F("task__request__project__path"),
    )
    return [dict(row) for row in rows]


def hourly_actions() -> list[dict[str, Any]]:
    """[{"hour", "count"}] of the last 24 hours, in UTC, oldest first, empty hours left out."""
    since = timezone.now() - timedelta(hours=24)
    hours = (
        Action.objects.filter(created_at__gt=since)
        .annotate(hour=TruncHour("created_at"))
        .values("hour")
        .annotate(count=Count("id"))
        .order_by("hour")
    )
    return [dict(row) for row in hours]


def project_by_path(path: str) -> Project | None:
    return Project.objects.filter(path=path).first()


def actions_of(subtask_id: uuid.UUID) -> list[Action]:
    """Oldest first."""
    return list(Action.objects.filter(subtask_id=subtask_id).order_by("created_at", "id"))


def current_subtask(agent_id: str) -> Subtask | None:
    """What the agent is at work on: the newest start, or else what was begun without one."""
    at_work = Subtask.objects.of_agent(agent_id).filter(status__in=Subtask.AT_WORK)
    return at_work.order_by(F("started_at").desc(nulls_last=True), "-created_at", "id").first()


def lease_mode(project: Project) -> str:
    """What becomes of edits that a lease speaks against: off, warn or enforce."""
    books = LeaseBook.objects.filter(project_id=project.id)
    return books.values_list("mode", flat=True).first() or LeaseBook.Mode.WARN
