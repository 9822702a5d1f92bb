"""Each request has an id, is counted, and is logged when it took long."""

import itertools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from dcm.lib import measures, wire
from dcm.lib.errors import DomainError
from dcm.lib.logs import fields
from dcm.lib.origins import header

logger = logging.getLogger("dcm.access")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LARGEST_READ = 65_536
"""Bodies up to so many bytes are looked into for an agent and a session to log."""

_sane = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch
_mine = secrets.token_hex(5)
_numbers = itertools.count(1)

App = Callable[[Any, Any, Any], Awaitable[None]]


def request_id(given: str | None) -> str:
    """What X-Request-ID said, if that can be repeated safely; else one of ours."""
    if given and _sane(given):
        return given
    return f"{_mine}-{next(_numbers):x}"


def note(request: HttpRequest, status: int, seconds: float) -> None:
    match = request.resolver_match
    route = match.route if match else "static/" if request.path.startswith("/static/") else None
    _count(route, request.method, status, seconds, request.META.get("HTTP_TRACEPARENT"))
    if 0 < settings.SLOW_SECONDS <= seconds:
        # Not the query string: people put tokens there.
        taken = fields(
            method=request.method,
            path=request.path[:500],
            status=status,
            ms=round(seconds * 1000),
        )
        logger.warning("slow request", extra=taken)


def about(request: HttpRequest) -> dict[str, str]:
    """Agent and session that path, query string or body name."""
    match = request.resolver_match
    named = {**_body_of(request), **request.GET.dict(), **(match.kwargs if match else {})}
    wanted = {"agent": named.get("agent_id"), "session": named.get("session_id")}
    return {name: value for name, value in wanted.items() if isinstance(value, str)}


def timed(app: App, route: str) -> App:
    """The application, counted like a route; a stream by its first byte."""

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        began = perf_counter()

        async def send_on(message: Any) -> None:
            if message["type"] == "http.response.start":
                seconds = perf_counter() - began
                parent = header(scope, b"traceparent")
                _count(route, scope["method"], message["status"], seconds, parent)
            await send(message)

        await app(scope, receive, send_on)

    return counted


def _count(
    route: str | None, method: str | None, status: int, seconds: float, traceparent: str | None
) -> None:
    known = method if method in METHODS else "other"
    measures.note_request(route, known or "other", status, seconds)
    for listener in measures.listeners:
        listener(measures.Reply(route, known or "other", status, seconds, traceparent))


def _body_of(request: HttpRequest) -> dict[str, Any]:
    if len(request.body) > LARGEST_READ:
        return {}
    try:
        value = wire.load(request.body)
    except DomainError:
        return {}
    return value if isinstance(value, dict) else {}
