from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dcm.dashboard.drawing.timeline import Span, Timeline, timeline
from dcm.dashboard.pages import page, part, show
from dcm.dashboard.selectors import held
from dcm.dashboard.selectors import projects as selectors
from dcm.lib.api import Query, path_uuid
from projects.services.projects import ProjectNotFound


@page
def projects(request: HttpRequest) -> HttpResponse:
    return show(request, "projects.html", {"projects": selectors.projects})


@page
def project(request: HttpRequest, project_id: str) -> HttpResponse:
    """One project's requests; the waves of one of them, by default the newest, as a picture."""
    known = selectors.project(path_uuid(project_id))
    if known is None:
        raise ProjectNotFound
    requests = selectors.requests(known["id"])
    wanted = Query(request.GET).id("request")
    newest = requests[0]["id"] if requests else None
    drawn_id = wanted or newest
    subtasks = selectors.subtasks(request_id=drawn_id) if drawn_id else []
    shown = {
        "project": known,
        "requests": requests,
        "drawn_request": next((each for each in requests if each["id"] == drawn_id), None),
        "drawn": _drawn(subtasks),
        "leases": held.leases(project_id=known["id"]),
        "claims": held.claims(project_id=known["id"]),
    }
    return show(request, "projects/one.html", shown)


@page
def waves(request: HttpRequest, request_id: str) -> HttpResponse:
    shown = {"waves": selectors.waves(path_uuid(request_id))}
    return part(request, "projects/waves.html", shown)


@page
def subtasks(request: HttpRequest, task_id: str) -> HttpResponse:
    shown = {"subtasks": selectors.subtasks(task_id=path_uuid(task_id))}
    return part(request, "projects/subtasks.html", shown)


@page
def calls(request: HttpRequest, subtask_id: str) -> HttpResponse:
    return part(request, "projects/calls.html", {"calls": selectors.calls(path_uuid(subtask_id))})


def _drawn(subtasks: Sequence[dict[str, Any]]) -> Timeline | None:
    """A lane for each subtask, wave after wave."""
    now = timezone.now()
    return timeline(
        Span(
            lane=f"{number}. wave {each['wave_number']} · {_worker(each)}: {each['description']}",
            start=each["started_at"] or each["created_at"],
            end=each["completed_at"] or (now if each["started_at"] else each["created_at"]),
            tone=each["status"],
            title=f"{_worker(each)}, {each['status']}: {each['description']}",
        )
        for number, each in enumerate(subtasks, start=1)
    )


def _worker(subtask: dict[str, Any]) -> str:
    return subtask["agent_id"] or subtask["agent_type"] or "nobody yet"
