from collections.abc import Sequence
from datetime import timedelta

from django.http import HttpRequest, HttpResponse

from dcm.dashboard.drawing.timeline import Span, Timeline, timeline
from dcm.dashboard.pages import page, part, show
from dcm.dashboard.selectors import sessions as selectors
from dcm.lib.api import Query, path_uuid
from dcm.lib.errors import NotFound
from projects.models import Action
from sessions_app.briefs import generate_brief
from sessions_app.selectors import injection_meter

MAIN_AGENT = "main agent"


class SessionNotFound(NotFound):
    message = "No such session"


class ActionNotFound(NotFound):
    message = "No such tool call"


class NoSession(NotFound):
    message = "Which session? The address lacks its id"


@page
def sessions(request: HttpRequest) -> HttpResponse:
    query = Query(request.GET)
    only_open = query.choice("state", "all", ["all", "open"]) == "open"
    found, cursor = selectors.sessions(only_open=only_open, cursor=query.text("cursor"))
    shown = {"sessions": found, "cursor": cursor, "only_open": only_open}
    return show(request, "sessions.html", shown)


@page
def session(request: HttpRequest) -> HttpResponse:
    """Everything about one run of an agent host."""
    query = Query(request.GET)
    session_id = _session_id(query)
    known = selectors.session(session_id)
    calls, cursor = selectors.calls(session_id, query.text("cursor"))
    requests = selectors.requests(session_id)
    if known is None and not calls and not requests:
        raise SessionNotFound
    shown = {
        "session_id": session_id,
        "session": known,
        "calls": calls,
        "cursor": cursor,
        "drawn": _drawn(calls),
        "requests": requests,
        "compactions": selectors.compactions(session_id),
        "files": selectors.files(session_id),
        "agents": selectors.agents(session_id),
        "meter": injection_meter(session_id),
    }
    return show(request, "sessions/one.html", shown)


def _drawn(calls: Sequence[Action]) -> Timeline | None:
    return timeline(
        Span(
            lane=_annotated(call, "agent") or MAIN_AGENT,
            start=call.created_at - timedelta(milliseconds=max(call.duration_ms or 0, 0)),
            end=call.created_at,
            tone="failed" if call.exit_code else "completed",
            title=f"{_annotated(call, 'tool')} · {call.duration_ms or 0} ms"
            + (f" · failed with {call.exit_code}" if call.exit_code else ""),
            url=f"#call-{call.id}",
        )
        for call in reversed(calls)
    )


def _annotated(call: Action, name: str) -> str:
    return getattr(call, name) or ""


@page
def brief(request: HttpRequest) -> HttpResponse:
    """What an agent would get to read now."""
    query = Query(request.GET)
    session_id = _session_id(query)
    made = generate_brief(
        agent_id=query.text("agent") or session_id,
        session_id=session_id,
        max_tokens=query.integer("max_tokens", 2_000, least=100, most=8_000),
    )
    return part(request, "parts/brief.html", {"brief": made})


@page
def action(request: HttpRequest, action_id: str) -> HttpResponse:
    """What went into a tool call and what came out of it."""
    call = selectors.call(path_uuid(action_id))
    if call is None:
        raise ActionNotFound
    return part(request, "parts/call.html", {"call": call})


def _session_id(query: Query) -> str:
    session_id = query.text("id")
    if session_id is None:
        raise NoSession
    return session_id
