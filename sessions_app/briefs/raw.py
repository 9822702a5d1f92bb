"""A brief's material as JSON, for agents that write their own. Contract: context-briefs 1.1."""

from typing import Any

from messaging.models import Block, Message
from projects.models import Project, Request, Subtask
from sessions_app.briefs.material import Call, Material


def raw(material: Material) -> dict[str, Any]:
    """{"data": {...}, "counts": {...}}; session and project are None when unknown."""
    lists: dict[str, list[dict[str, Any]]] = {
        "tasks": [_task(task) for task in material.tasks],
        "messages": [_message(message) for message in material.messages],
        "blockings": [_blocking(block) for block in material.blockings],
        "history": [_action(action) for action in material.history],
    }
    session = _session(material.request) if material.request else None
    project = _project(material.project) if material.project else None
    return {
        "data": {**lists, "session": session, "project": project},
        "counts": {name: len(rows) for name, rows in lists.items()},
    }


def _task(task: Subtask) -> dict[str, Any]:
    shown = {
        "id": task.id,
        "description": task.description,
        "status": task.status,
        "agent_type": task.agent_type,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "blocked_by": task.blocked_by,
        "wave_number": task.task.wave_number,
    }
    return shown if task.task.name is None else {**shown, "task_name": task.task.name}


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "from_agent": message.from_agent,
        "topic": message.topic,
        "content": message.content,
        "priority": message.priority,
        "created_at": message.created_at,
        "is_broadcast": message.to_agent is None,
    }


def _blocking(block: Block) -> dict[str, Any]:
    return {
        "id": block.id,
        "blocked_by_agent": block.blocked_by,
        "reason": block.reason,
        "created_at": block.created_at,
    }


def _action(action: Call) -> dict[str, Any]:
    return {
        "id": action.id,
        "tool_name": action.tool_name,
        "tool_type": action.tool_type,
        "exit_code": action.exit_code,
        "duration_ms": action.duration_ms,
        "file_paths": action.file_paths,
        "created_at": action.created_at,
    }


def _session(request: Request) -> dict[str, Any]:
    """Under this name clients get the newest request, with its own id."""
    return {
        "id": request.id,
        "session_id": request.session_id,
        "status": request.status,
        "created_at": request.created_at,
        "prompt": request.prompt,
    }


def _project(project: Project) -> dict[str, Any]:
    return {"id": project.id, "name": project.name, "path": project.path}
