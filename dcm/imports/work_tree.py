"""Projects, requests, tasks, subtasks, actions: as the original stores them."""

from typing import Any

from dcm.imports.mending import Mender
from dcm.imports.source import Row, Selection
from dcm.imports.table import LeftOut, Table
from projects.models import Action, Request, Subtask, Task
from projects.services import adopting
from projects.services.projects import tidy_path

# Django puts these lists together anew each time that they are asked for.
_PROMPT_TYPES = frozenset(Request.PromptType.values)
_OF_REQUESTS = frozenset(Request.Status.values)
_OF_TASKS = frozenset(Task.Status.values)
_OF_SUBTASKS = frozenset(Subtask.Status.values)
_TOOL_TYPES = frozenset(Action.ToolType.values)
NO_PROJECT = "without a project"
_ROOT = "JOIN projects p ON p.id = r.project_id"


def _project(row: Row, mender: Mender) -> dict[str, Any]:
    return {
        **row,
        "path": tidy_path(row["path"]),
        "created_at": mender.moment(row["created_at"]),
        "updated_at": mender.moment(row["updated_at"]),
        "metadata": mender.mapping(row["metadata"]),
    }


def _request(row: Row, mender: Mender) -> dict[str, Any]:
    if row["project_path"] is None:
        raise LeftOut(NO_PROJECT)
    return {
        **row,
        "prompt_type": mender.choice_or_none(row["prompt_type"], _PROMPT_TYPES),
        "status": mender.choice(row["status"], _OF_REQUESTS, Request.Status.COMPLETED),
        "created_at": mender.moment(row["created_at"]),
        "metadata": mender.mapping(row["metadata"]),
    }


def _task(row: Row, mender: Mender) -> dict[str, Any]:
    if not row["is_rooted"]:
        raise LeftOut(NO_PROJECT)
    return {
        **row,
        "wave_number": mender.number(row["wave_number"]),
        "status": mender.choice(row["status"], _OF_TASKS, Task.Status.PENDING),
        "created_at": mender.moment(row["created_at"]),
    }


def _subtask(row: Row, mender: Mender) -> dict[str, Any]:
    if not row["is_rooted"]:
        raise LeftOut(NO_PROJECT)
    return {
        **row,
        "task_id": row["task_list_id"],
        "status": mender.choice(row["status"], _OF_SUBTASKS, Subtask.Status.PENDING),
        "blocked_by": mender.texts(row["blocked_by"]),
        "created_at": mender.moment(row["created_at"]),
        "context_snapshot": mender.mapping_or_none(row["context_snapshot"]),
        "result": mender.mapping_or_none(row["result"]),
    }


def _action(row: Row, mender: Mender) -> dict[str, Any]:
    about = mender.mapping(row["metadata"])
    return {
        **row,
        "session_id": _text(about.get("session_id")),
        "project_path": _text(about.get("project_path")),
        "tool_type": mender.choice(row["tool_type"], _TOOL_TYPES, Action.ToolType.BUILTIN),
        "input": mender.text(row["input"]),
        "output": mender.text(row["output"]),
        "file_paths": mender.texts(row["file_paths"]),
        "exit_code": row["exit_code"] or 0,
        "created_at": mender.moment(row["created_at"]),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


WORK_TREE = [
    Table(
        noun="projects",
        selection=Selection(
            table="projects",
            plain=("path", "name"),
            moments=("created_at", "updated_at"),
            json=("metadata",),
        ),
        read=_project,
        into=adopting.PROJECTS,
    ),
    Table(
        noun="requests",
        selection=Selection(
            table="requests",
            plain=("session_id", "prompt", "prompt_type", "status"),
            moments=("created_at", "completed_at"),
            json=("metadata",),
            more={"project_path": "p.path"},
            joins="LEFT JOIN projects p ON p.id = t.project_id",
        ),
        read=_request,
        into=adopting.REQUESTS,
    ),
    Table(
        noun="tasks",
        selection=Selection(
            table="task_lists",
            plain=("name", "wave_number", "status"),
            moments=("created_at", "completed_at"),
            json=("request_id",),
            more={"is_rooted": "p.id IS NOT NULL"},
            joins=f"LEFT JOIN (requests r {_ROOT}) ON r.id = t.request_id",
        ),
        read=_task,
        into=adopting.TASKS,
    ),
    Table(
        noun="subtasks",
        selection=Selection(
            table="subtasks",
            plain=("agent_type", "agent_id", "description", "status"),
            moments=("created_at", "started_at", "completed_at"),
            json=("task_list_id", "context_snapshot", "result"),
            more={"blocked_by": "t.blocked_by::text[]", "is_rooted": "p.id IS NOT NULL"},
            joins="LEFT JOIN (task_lists w JOIN requests r ON r.id = w.request_id"
            f" {_ROOT}) ON w.id = t.task_list_id",
        ),
        read=_subtask,
        into=adopting.SUBTASKS,
    ),
    Table(
        noun="actions",
        selection=Selection(
            table="actions",
            plain=("tool_name", "tool_type", "input", "output", "exit_code", "duration_ms"),
            moments=("created_at",),
            json=("metadata",),
            more={
                "file_paths": "t.file_paths::text[]",
                # One below a request that is left out stays, on its own.
                "subtask_id": "CASE WHEN p.id IS NOT NULL THEN t.subtask_id::text END",
            },
            joins="LEFT JOIN (subtasks s JOIN task_lists w ON w.id = s.task_list_id"
            f" JOIN requests r ON r.id = w.request_id {_ROOT}) ON s.id = t.subtask_id",
        ),
        read=_action,
        into=adopting.ACTIONS,
    ),
]
