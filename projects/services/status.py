"""Moments that follow from a status, the same for requests, tasks and subtasks."""

from datetime import datetime

from django.utils import timezone

from projects.models import Request, Subtask, Task


def set_status(row: Request | Task | Subtask, status: str, *, at: datetime | None = None) -> None:
    """Give the row this status, and the moments that go with it. Contract: rest 4, R13.

    at: when that was, by default now.
    """
    now = at or timezone.now()
    row.status = status
    if status not in row.TERMINAL:
        row.completed_at = None
    elif row.completed_at is None or status == "completed":
        row.completed_at = now
    if isinstance(row, Subtask) and status == Subtask.Status.RUNNING and row.started_at is None:
        row.started_at = now
