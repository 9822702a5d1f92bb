"""What an agent host is told before an edit of a file that another agent holds. Decision 0014."""

import uuid
from typing import Any, NamedTuple

from projects.models import LeaseBook, Project
from projects.path_patterns import path_in_project
from projects.services.edits import begin_edit
from projects.services.lease_book import TooManyLeases
from projects.services.leases import in_words
from projects.services.projects import ProjectNotFound
from sessions_app.hook_events import HookEvent
from sessions_app.models import Session

EDIT_TOOLS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit"})


class Place(NamedTuple):
    """Where a session works. mode: None as long as nothing was leased there."""

    project_id: uuid.UUID
    project_path: str
    mode: str | None


def is_edit(event: HookEvent) -> bool:
    """Whether an edit is about to begin. One that is told long after it was is none."""
    return event.label("tool_name") in EDIT_TOOLS and not event.is_late


def place_of_session(session_id: str) -> Place | None:
    """None without a session or a project of it."""
    found = Session.objects.filter(id=session_id, project__isnull=False)
    columns = ("project_id", "project__path", "project__lease_book__mode")
    return next((Place(*row) for row in found.values_list(*columns)), None)


def place_of_project(project_id: uuid.UUID) -> Place | None:
    found = Project.objects.filter(id=project_id)
    columns = ("id", "path", "lease_book__mode")
    return next((Place(*row) for row in found.values_list(*columns)), None)


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
        )
    except (ProjectNotFound, TooManyLeases):
        return None  # no reason to keep an agent from its work
    return in_words(against[0]) if against else None


def _told(path: str, held: str, *, enforced: bool) -> dict[str, Any]:
    if not enforced:
        return {"additionalContext": f"Another agent is at work on {path}: {held}."}
    reason = f"{path} is not free: {held}. It is free once that lease is released or over."
    return {"permissionDecision": "deny", "permissionDecisionReason": reason}
