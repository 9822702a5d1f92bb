"""Reads that join or count. Contract: rest 3 (derived views), 5.2, 5.6, 5.8."""

import uuid
from datetime import timedelta
from functools import cache
from typing import Any

from django.db.models import Count, F
from django.db.models.functions import Now, TruncHour

from dcm.lib import wire
from dcm.lib.counting import Counted
from dcm.lib.json_rows import WIRE_TIME, as_list, json_object
from dcm.lib.keys.limits import limits, of_caller
from dcm.lib.rows import columns, row
from dcm.lib.statements import fetch, fetch_each
from projects.models import Action, LeaseBook, Project, Subtask
from projects.serializers import ProjectOutput, RequestOutput, SubtaskOutput, TaskOutput

MOST_REQUESTS = 50

_PROJECT = f"""
SELECT {columns(Project, "project")} FROM projects_project project
WHERE id = %(id)s AND {of_caller("id")}
"""  # noqa: S608  constants of ours

# Subtask by subtask: of a join PostgreSQL thinks that it had better read all actions.
_STATS = f"""
SELECT (SELECT count(*) FROM projects_request WHERE project_id = %(id)s),
       count(*),
       coalesce(sum(actions.many), 0)::bigint,
       coalesce(sum(actions.successful), 0)::bigint,
       coalesce((sum(actions.total_ms) / nullif(sum(actions.timed), 0))::float8, 0),
       {WIRE_TIME.format("max(actions.newest)")}
FROM projects_request r
JOIN projects_task t ON t.request_id = r.id JOIN projects_subtask s ON s.task_id = t.id
CROSS JOIN LATERAL (
  SELECT count(*) AS many, count(*) FILTER (WHERE exit_code = 0) AS successful,
         sum(duration_ms) AS total_ms, count(duration_ms) AS timed, max(created_at) AS newest
  FROM projects_action WHERE subtask_id = s.id
) actions WHERE r.project_id = %(id)s
"""  # noqa: S608  constants of ours
_STATS_NAMES = (
    *("total_requests", "total_subtasks", "total_actions", "successful_actions"),
    *("avg_duration_ms", "last_activity"),
)


def _stats(project: Project, counts: tuple[Any, ...]) -> dict[str, Any]:
    """Counts over the whole tree of a project.

    avg_duration_ms: of the actions that have one, 0 when none has. last_activity: of the newest
    action, as text on the wire, or None.
    """
    identity = {"project_id": project.id, "project_name": project.name, "path": project.path}
    return identity | dict(zip(_STATS_NAMES, counts, strict=True))


@cache
def _newest_requests() -> str:
    """The statement that makes each of the newest requests of a project one JSON object."""
    return f"""
SELECT ({json_object(RequestOutput, without=("project_id",))})::text FROM projects_request
WHERE project_id = %(id)s ORDER BY created_at DESC, id LIMIT {MOST_REQUESTS}
"""  # noqa: S608  constants of ours


def whole_project(project_id: uuid.UUID) -> dict[str, Any] | None:
    """The project with its newest requests and its counts; None when there is none."""
    project, requests, stats = _with_stats(project_id, _newest_requests())
    if project is None:
        return None
    listed = as_list(text for (text,) in requests)
    return {**ProjectOutput(project).data, "requests": listed, "stats": stats}


def _with_stats(
    project_id: uuid.UUID, statement: str
) -> tuple[Project | None, list[tuple[Any, ...]], dict[str, Any]]:
    """The project, what the statement finds of it, and its counts, in one trip."""
    asked = {"id": project_id, "projects": limits()}
    rows, found, (stats,) = fetch_each((each, asked) for each in (_PROJECT, statement, _STATS))
    if not rows:
        return None, [], {}
    project = row(Project, rows[0])
    return project, found, _stats(project, stats)


@cache
def _tree() -> str:
    """The statement that makes the requests of a project, with all below them, one JSON array."""
    subtask = json_object(SubtaskOutput, without=("context_snapshot",))
    task = json_object(TaskOutput, "'subtasks', subtasks.list")
    request = json_object(RequestOutput, "'tasks', tasks.list", without=("project_id",))
    return f"""
SELECT coalesce(json_agg({request} ORDER BY created_at DESC, id), '[]')::text,
       count(*), coalesce(sum(tasks.many), 0)::bigint, coalesce(sum(tasks.subtasks), 0)::bigint
FROM projects_request CROSS JOIN LATERAL (
  SELECT coalesce(json_agg({task} ORDER BY wave_number, created_at, id), '[]') AS list,
         count(*) AS many, sum(subtasks.many) AS subtasks
  FROM projects_task CROSS JOIN LATERAL (
    SELECT coalesce(json_agg({subtask} ORDER BY created_at, id), '[]') AS list, count(*) AS many
    FROM projects_subtask WHERE task_id = projects_task.id
  ) subtasks WHERE request_id = projects_request.id
) tasks WHERE project_id = %(id)s
"""  # noqa: S608  constants of ours


def hierarchy(project_id: uuid.UUID) -> dict[str, Any] | None:
    """{"hierarchy", "stats", "counts"}: requests newest first, tasks by wave, subtasks by age.

    None when there is no such project.
    """
    project, found, stats = _with_stats(project_id, _tree())
    if project is None:
        return None
    ((requests, *counts),) = found
    return {
        "hierarchy": {**ProjectOutput(project).data, "requests": wire.Ready(requests)},
        "stats": stats,
        "counts": dict(zip(("requests", "tasks", "subtasks"), counts, strict=True)),
    }


_AT_WORK = f"""
SELECT json_build_object(
  'agent_type', s.agent_type, 'agent_id', s.agent_id, 'status', s.status,
  'description', s.description,
  'started_at', {WIRE_TIME.format("s.started_at")},
  'created_at', {WIRE_TIME.format("s.created_at")},
  'actions_count', (SELECT count(*) FROM projects_action WHERE subtask_id = s.id),
  'subtask_id', s.id, 'current_task', s.description, 'request_id', r.id,
  'session_id', r.session_id, 'project_id', p.id, 'project_name', p.name, 'project_path', p.path
)::text
FROM projects_subtask s JOIN projects_task t ON t.id = s.task_id
JOIN projects_request r ON r.id = t.request_id JOIN projects_project p ON p.id = r.project_id
WHERE s.status = ANY(%(at_work)s) AND {of_caller("p.id")}
ORDER BY s.started_at DESC NULLS FIRST, s.id
"""  # noqa: S608  constants of ours


def active_agents() -> list[str]:
    """One JSON object per subtask at work, latest start first, those without one before them."""
    asked = {"at_work": sorted(Subtask.AT_WORK), "projects": limits()}
    return [text for (text,) in fetch(_AT_WORK, asked)]


# Hour by hour, each begun where the last action before it ends: a range of an index is counted
# without sorting or grouping a row.
_HOURS = """
WITH RECURSIVE hours(begins_at, hour) AS (
  (SELECT created_at, date_bin('1 hour', created_at, 'epoch') FROM projects_action
   WHERE created_at > now() - interval '24 hours' ORDER BY created_at LIMIT 1)
  UNION ALL
  SELECT next.* FROM hours CROSS JOIN LATERAL (
    SELECT created_at, date_bin('1 hour', created_at, 'epoch') FROM projects_action
    WHERE created_at >= hours.hour + interval '1 hour' ORDER BY created_at LIMIT 1
  ) next
)
SELECT hour, (SELECT count(*) FROM projects_action
              WHERE created_at >= begins_at AND created_at < hour + interval '1 hour')
FROM hours ORDER BY hour
"""


def _count_hours() -> tuple[list[dict[str, Any]], int]:
    hours = [{"hour": hour, "count": count} for hour, count in fetch(_HOURS, {})]
    return hours, sum(each["count"] for each in hours)


_hours = Counted(_count_hours)


def hourly_actions() -> list[dict[str, Any]]:
    """[{"hour", "count"}] of the last 24 hours, in UTC, oldest first, empty hours left out.

    Many are counted once in a while.
    """
    if limits() is None:
        return _hours()
    hours = (
        Action.objects.filter(created_at__gt=Now() - timedelta(hours=24))
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


def waiting_for(subtask_id: uuid.UUID) -> list[dict[str, Any]]:
    """What the completion of a subtask unblocks, oldest first.

    is_last: it waits for nothing else. Without those that have ended.
    """
    rows = Subtask.objects.filter(blocked_by__contains=[subtask_id]).exclude(blocked_by=[])
    rows = rows.exclude(status__in=Subtask.TERMINAL).order_by("created_at", "id")
    open_ids = set(
        Subtask.objects.filter(id__in=[blocker for row in rows for blocker in row.blocked_by])
        .exclude(id=subtask_id)
        .exclude(status=Subtask.Status.COMPLETED)
        .values_list("id", flat=True)
    )
    return [
        {
            "id": row.id,
            "description": row.description,
            "agent_type": row.agent_type,
            "agent_id": row.agent_id,
            "status": row.status,
            "is_last": open_ids.isdisjoint(row.blocked_by),
        }
        for row in rows
    ]
