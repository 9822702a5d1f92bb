"""What an agent host is told before an edit of a file that another agent holds. Decision 0014."""

import uuid
from typing import Any, NamedTuple

from dcm.lib.statements import fetch
from projects.models import LeaseBook
from projects.path_patterns import path_in_project
from projects.services.edits import begin_edit
from projects.services.lease_book import TooManyLeases
from projects.services.leases import in_words
from projects.services.projects import ProjectNotFound
from sessions_app.hook_events import HookEvent

EDIT_TOOLS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit"})


class Place(NamedTuple):
    """Where a session works. mode: None as long as nothing was leased there."""

    project_id: uuid.UUID
    project_path: str
    mode: str | None
    last_token: int


def is_edit(event: HookEvent) -> bool:
    """Whether an edit is about to begin. One that is told long after it was is none."""
    return event.label("tool_name") in EDIT_TOOLS and not event.is_late


_PLACE = """
SELECT project.id, project.path, book.mode, book.last_token
FROM {project} LEFT JOIN projects_leasebook book ON book.project_id = project.id
WHERE {which}
"""
_OF_SESSION = _PLACE.format(
    project="sessions_app_session session"
    " JOIN projects_project project ON project.id = session.project_id",
    which="session.id = %(id)s",
)
_OF_PROJECT = _PLACE.format(project="projects_project project", which="project.id = %(id)s")


def place_of_session(session_id: str) -> Place | None:
    """None without a session or a project of it. The caller may speak for this session."""
    return _place(_OF_SESSION, session_id)


def place_of_project(project_id: uuid.UUID) -> Place | None:
    return _place(_OF_PROJECT, project_id)


def _place(statement: str, which: object) -> Place | None:
    for project_id, path, mode, last_token in fetch(statement, {"id": which}):
        return Place(project_id, path, mode, last_token or 0)
    return None


def opinion_on(event: HookEvent, *, agent_id: str, place: Place) -> dict[str, Any]:
    """For the host's `hookSpecificOutput`: a denial, a hint, or nothing. Takes the file if free."""
    if place.mode == LeaseBook.Mode.OFF:
        return {}
    for path in event.file_paths:
        inside = path_in_project(
            path, project_path=place.project_path, folder=event.cwd or place.project_path
        )
        if inside and (held := _held_against(event, inside, agent_id, place)):
            return _told(inside, held, enforced=place.mode == LeaseBook.Mode.ENFORCE)
    return {}


def _held_against(event: HookEvent, path: str, agent_id: str, place: Place) -> str | None:
    try:
        against = begin_edit(
            project_id=place.project_id,
            path=path,
            agent_id=agent_id,
            session_id=event.session_id,
            last_token=place.last_token,
        )
    except (ProjectNotFound, TooManyLeases):
        return None  # no reason to keep an agent from its work
    return in_words(against[0]) if against else None


def _told(path: str, held: str, *, enforced: bool) -> dict[str, Any]:
    if not enforced:
        return {"additionalContext": f"Another agent is at work on {path}: {held}."}
    reason = f"{path} is not free: {held}. It is free once that lease is released or over."
    return {"permissionDecision": "deny", "permissionDecisionReason": reason}
