"""X-DCM-Seq: the number of the last event that a request published.

The id of an event ends with its number, so a client knows when it has heard what it caused.
"""

from collections.abc import Callable
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADER = "X-DCM-Seq"


class Published:
    """Shared by all that works for one request, in whichever thread."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: int | None = None


_of_request: ContextVar[Published | None] = ContextVar("published", default=None)


def note(seq: int | None) -> None:
    """An event of this number was committed for the current request. None: there was none."""
    published = _of_request.get()
    if published is not None and seq is not None:
        published.last = seq


@sync_and_async_middleware
def tell_seq(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if iscoroutinefunction(get_response):

        async def on_the_loop(request: HttpRequest) -> HttpResponseBase:
            published = Published()
            _of_request.set(published)
            return _with_header(await get_response(request), published)

        return on_the_loop

    def in_a_thread(request: HttpRequest) -> HttpResponseBase:
        published = Published()
        _of_request.set(published)
        return _with_header(get_response(request), published)

    return in_a_thread


def _with_header(response: HttpResponseBase, published: Published) -> HttpResponseBase:
    if published.last is not None and response.status_code < 400:
        response[HEADER] = str(published.last)
    return response
