"""What every request passes, on the event loop or in a view's thread: nothing in it waits."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, cast

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.decorators import sync_and_async_middleware

from dcm.lib.api import is_page, json_response

METHODS = "GET,HEAD,PUT,POST,DELETE,PATCH,QUERY"
LARGE_BYTES = 1_400  # less fits into one packet anyway


class Compress(GZipMiddleware):
    """Large replies, for clients that ask for it. Streams keep their parts."""

    def process_response(self, request: HttpRequest, response: Any) -> HttpResponseBase:
        if response.streaming or len(response.content) < LARGE_BYTES:
            return cast("HttpResponseBase", response)
        return super().process_response(request, response)


@sync_and_async_middleware
def api_edge(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Host allow-list and CORS. Contract: rest 1.1."""
    if iscoroutinefunction(get_response):

        async def on_the_loop(request: HttpRequest) -> HttpResponseBase:
            return refusal(request) or _with_cors(request, await get_response(request))

        return on_the_loop

    def in_a_thread(request: HttpRequest) -> HttpResponseBase:
        return refusal(request) or _with_cors(request, get_response(request))

    return in_a_thread


def refusal(request: HttpRequest) -> HttpResponseBase | None:
    """The answer to a request that no view may see."""
    try:
        # A page that rebinds its own name to 127.0.0.1 comes with that name in Host.
        request.get_host()
    except DisallowedHost:
        return json_response({"error": "Host not allowed", "message": "Set ALLOWED_HOSTS"}, 421)
    if request.method == "OPTIONS":
        return _preflight(request)
    return None


def _preflight(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = METHODS
    response["Access-Control-Allow-Headers"] = request.headers.get(
        "Access-Control-Request-Headers", ""
    )
    response["Vary"] = "Access-Control-Request-Headers"
    return response


def _with_cors(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if not is_page(request.path):
        response["Access-Control-Allow-Origin"] = "*"
    return response
