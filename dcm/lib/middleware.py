"""What every request passes, on the event loop or in a view's thread: nothing in it waits."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from dcm.lib.api import is_page, json_response
from dcm.lib.origins import is_open_to_any_origin, is_our_host, may_call

METHODS = "GET,HEAD,PUT,POST,DELETE,PATCH,QUERY"
PAGE_POLICY = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
ADMIN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    + PAGE_POLICY
)
FORWARDED = frozenset({"HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"})
"""Behind a proxy every request comes from loopback, so that proves nothing."""

LARGE_BYTES = 1_400  # less fits into one packet anyway


class Compress(GZipMiddleware):
    """Large replies, for clients that ask for it. Streams keep their parts."""

    def process_response(self, request: HttpRequest, response: Any) -> HttpResponseBase:
        if response.streaming or len(response.content) < LARGE_BYTES:
            return cast("HttpResponseBase", response)
        return super().process_response(request, response)


def secure_cookies(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Cookies that were set over TLS come back over TLS only."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponse = get_response(request)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response

    return middleware


@sync_and_async_middleware
def api_edge(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Host and Origin allow-lists, CORS. Contract: rest 1.1."""
    if iscoroutinefunction(get_response):

        async def on_the_loop(request: HttpRequest) -> HttpResponseBase:
            return _finish(request, refusal(request) or await get_response(request))

        return on_the_loop

    def in_a_thread(request: HttpRequest) -> HttpResponseBase:
        return _finish(request, refusal(request) or get_response(request))

    return in_a_thread


def refusal(request: HttpRequest) -> HttpResponseBase | None:
    """The answer to a request that no view may see."""
    # A page that rebinds its own name to 127.0.0.1 comes with that name in Host.
    if not is_our_host(request.META.get("HTTP_HOST", request.META["SERVER_NAME"])):
        return json_response({"error": "Host not allowed", "message": "Set ALLOWED_HOSTS"}, 421)
    if _is_foreign(request):
        return json_response({"error": "Origin not allowed", "message": "Set CORS_ORIGINS"}, 403)
    if request.method == "OPTIONS":
        return _preflight(request)
    if not settings.PRODUCTION and not request.META.keys().isdisjoint(FORWARDED):
        text = "In development this server is for its own machine: behind a proxy set DCM_ENV"
        return json_response({"error": "Forwarded requests are refused", "message": text}, 403)
    return None


def _is_foreign(request: HttpRequest) -> bool:
    """Whether a page calls that may not. Forms of pages have Django's own check."""
    if is_open_to_any_origin() or is_page(request.path):
        return False
    origin = request.META.get("HTTP_ORIGIN")
    if origin is None:
        return request.META.get("HTTP_SEC_FETCH_SITE") == "cross-site"
    return not may_call(origin)


def _preflight(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = METHODS
    response["Access-Control-Allow-Headers"] = request.headers.get(
        "Access-Control-Request-Headers", ""
    )
    response["Vary"] = "Access-Control-Request-Headers"
    _allow_origin(request, response)
    return response


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """CORS for programs, what browsers are to do with pages, and for both: no guessing of types."""
    if not is_page(request.path):
        _allow_origin(request, response)
    elif not response.has_header("Content-Security-Policy"):
        is_admin = request.path.startswith("/admin/")
        response["Content-Security-Policy"] = ADMIN_POLICY if is_admin else PAGE_POLICY
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _allow_origin(request: HttpRequest, response: HttpResponseBase) -> None:
    if is_open_to_any_origin():
        response["Access-Control-Allow-Origin"] = "*"
    elif origin := request.META.get("HTTP_ORIGIN"):
        response["Access-Control-Allow-Origin"] = origin  # else it would have been refused
        patch_vary_headers(response, ["Origin"])
