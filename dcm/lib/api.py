"""How a view reads its input and writes its reply. Contract: rest 1."""

import functools
import logging
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from dcm.lib import wire
from dcm.lib.body import Body, read_body
from dcm.lib.errors import (
    RETRY_AFTER_SECONDS,
    DatabaseUnavailable,
    DomainError,
    Forbidden,
    InvalidQuery,
    Malformed,
    NotFound,
    ValidationFailed,
    envelope,
    is_unavailable,
)
from dcm.lib.fields import Boolean, Input, Integer, JsonObject, ListOf, Moment, Output, Text, Uuid
from dcm.lib.keyset import Keyset
from dcm.lib.pages import Listing, page
from dcm.lib.query import AnyText, Query, path_uuid

__all__ = [
    "AnyText",
    "Body",
    "Boolean",
    "Input",
    "Integer",
    "InvalidQuery",
    "JsonObject",
    "Keyset",
    "ListOf",
    "Listing",
    "Moment",
    "Output",
    "Query",
    "Text",
    "Uuid",
    "ValidationFailed",
    "by_method",
    "hot_view",
    "json_response",
    "page",
    "path_uuid",
    "read_body",
]

logger = logging.getLogger("dcm.api")

AsyncView = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


PAGES = frozenset(
    {"admin", "static", "activity", "actions", "agents", "coordination", "messages", "projects"}
    | {"routing", "search", "sessions"}
)
"""What people look at, by the first part of its path."""


def is_page(path: str) -> bool:
    """Whether people look at it: its errors are pages, and it has a login of its own."""
    if path in {"/", "/api/docs"} or path.startswith("/api/docs/"):
        return True
    return path.removeprefix("/").partition("/")[0] in PAGES


class AnyJsonParser(BaseParser):
    """JSON whatever the Content-Type says, as the original does. Contract: rest 1.1."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return wire.load(stream.read())


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        return b"" if data is None else wire.dump(data)


class AnyAccept(DefaultContentNegotiation):
    """JSON whatever the Accept header says."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except exceptions.NotAcceptable:
            return renderers[0], renderers[0].media_type


# --- errors -----------------------------------------------------------------------------------


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's hook: the envelope for whatever a view raised."""
    body, status = error_reply(error, failure=failure_label(context["view"], context["request"]))
    return Response(body, status=status, headers=_advice(error, status))


def error_response(error: Exception, *, failure: str = "Internal Server Error") -> HttpResponse:
    """The same for async views and for the handler itself."""
    body, status = error_reply(error, failure=failure)
    return json_response(body, status, _advice(error, status))


def _advice(error: Exception, status: int) -> dict[str, str]:
    seconds = error.retry_after if isinstance(error, DomainError) else None
    if status == 503:
        seconds = seconds or RETRY_AFTER_SECONDS
    return {"Retry-After": str(seconds)} if seconds else {}


def error_reply(error: Exception, *, failure: str) -> tuple[dict[str, Any], int]:
    """Envelope and status. failure: the `error` text should this be an unexpected one."""
    known = _known(error)
    if known is not None:
        return envelope(known), known.status
    if isinstance(error, exceptions.APIException):
        return {"error": str(error.detail)}, error.status_code
    error_id = uuid.uuid4().hex[:12]
    logger.error("%s (error id %s)", failure, error_id, exc_info=error)
    kind = "Database error" if isinstance(error, DatabaseError) else "Unexpected error"
    return {"error": failure, "message": f"{kind}; see the log for {error_id}"}, 500


def _known(error: Exception) -> DomainError | None:
    """Errors of Django, DRF and the database in words of ours."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, Http404 | exceptions.MethodNotAllowed | exceptions.NotFound):
        return NotFound()
    if isinstance(error, BadRequest | SuspiciousOperation | MultiPartParserError):
        return Malformed()
    if isinstance(error, PermissionDenied):
        return Forbidden()
    if isinstance(error, DataError | OperationalError | InterfaceError):
        logger.warning("the database refused: %s", error)
        return DatabaseUnavailable() if is_unavailable(error) else ValidationFailed({})
    return None


def failure_label(view: Any, request: Request) -> str:
    """The label of an unexpected error. Contract: rest 8.

    A viewset says its `noun` ("project"), a lone view its `failure`: one text, or one per method.
    """
    noun = getattr(view, "noun", None)
    labels = {
        "create": f"Failed to create {noun}",
        "list": f"Failed to fetch {noun}s",
        "retrieve": f"Failed to fetch {noun}",
        "partial_update": f"Failed to update {noun}",
        "destroy": f"Failed to delete {noun}",
    }
    labels |= getattr(view, "failures", {})
    name = getattr(view, "action", None) or (request.method or "").lower()
    return str(labels.get(name, getattr(view, "failure", "Internal Server Error")))


# --- async views ------------------------------------------------------------------------------


def json_response(
    data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The reply of an async view."""
    return HttpResponse(
        wire.dump(data), status=status, headers=headers, content_type="application/json"
    )


def hot_view(
    *, failure: str, method: str, alone: Callable[..., HttpResponse] | None = None
) -> Callable[[AsyncView], AsyncView]:
    """Mark an async view of one method; GET answers HEAD too.

    failure: the label of an unexpected error, as in contract rest 8. alone: the same view in one
    thread and one transaction, for requests that bring an Idempotency-Key.
    """

    def mark(view: AsyncView) -> AsyncView:
        @functools.wraps(view)
        async def hot(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method != method and (request.method, method) != ("HEAD", "GET"):
                raise NotFound
            return await view(request, *args, **kwargs)

        hot.failure = failure  # type: ignore[attr-defined]
        hot.method = method  # type: ignore[attr-defined]
        hot.csrf_exempt = True  # type: ignore[attr-defined]
        if alone is not None:
            hot.alone = csrf_exempt(alone)  # type: ignore[attr-defined]
            hot.alone.failure = failure  # type: ignore[attr-defined]
        return hot

    return mark


def by_method(**views: Any) -> Any:
    """One route whose methods have views of their own: by_method(post=..., get=...).

    The handler asks view_of(), so each runs where it belongs; a method that is not named is a 404.
    """

    def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return view_of(dispatch, request.method)(request, *args, **kwargs)

    dispatch.views = views  # type: ignore[attr-defined]
    dispatch.csrf_exempt = True  # type: ignore[attr-defined]
    return dispatch


def view_of(view: Any, method: str | None) -> Any:
    """The view that answers this method; GET's answers HEAD. Raises Http404."""
    views = getattr(view, "views", None)
    if views is None:
        return view
    name = "get" if method == "HEAD" else (method or "").lower()
    if name not in views:
        raise Http404
    return views[name]
