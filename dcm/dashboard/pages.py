"""What all pages have in common: who may see them, what they may load, how they fail."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from dcm.dashboard.live import place
from dcm.lib.errors import DomainError, Forbidden

View = Callable[..., HttpResponse]


def page(view: View) -> View:
    """A page: read only, with nothing in it but what we serve, for those who may see it."""
    return require_safe(_guarded(view))


def change(permission: str) -> Callable[[View], View]:
    """What a form of a page is sent to. permission: what somebody who is logged in needs."""

    def decorated(view: View) -> View:
        @wraps(view)
        def allowed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if needs_login() and not request.user.has_perm(permission):
                raise Forbidden("You may look, but not change this: ask for the maintainer group")
            return view(request, *args, **kwargs)

        return require_POST(_guarded(allowed))

    return decorated


def show(request: HttpRequest, template: str, shown: dict[str, Any]) -> HttpResponse:
    """The whole page; for its own refresh only what is inside of <main>.

    The place in the event log is read first: what happens after it, the socket tells.
    """
    name = template.partition("/")[0].partition(".")[0]
    is_refresh = is_partial(request)
    frame = {
        "layout": "dashboard/main.html" if is_refresh else "dashboard/base.html",
        "here": name,
        "live": None if is_refresh else place(),
        "needs_login": needs_login(),
        "actor": actor(request),
    }
    # A selector that is still to be asked is asked after the place was read.
    read = {key: value() if callable(value) else value for key, value in shown.items()}
    return part(request, template, frame | read)


def part(request: HttpRequest, template: str, shown: dict[str, Any]) -> HttpResponse:
    return render(request, f"dashboard/{template}", shown)


def done(request: HttpRequest, back: str, text: str) -> HttpResponse:
    """The answer to a form: a word where the script wants one, else the page it came from."""
    if not is_partial(request):
        return redirect(back)
    return part(request, "parts/done.html", {"text": text})


def is_partial(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def needs_login() -> bool:
    """A server that asks programs for a key asks people who they are."""
    return bool(settings.PRODUCTION or settings.API_KEY)


def actor(request: HttpRequest) -> str:
    """As whom somebody at a page speaks to the agents."""
    return request.user.get_username() if needs_login() else "human"


def _guarded(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if needs_login() and not request.user.is_staff:
            return _login(request)
        try:
            response = view(request, *args, **kwargs)
        except DomainError as error:
            response = _problem(request, error)
        response["Content-Security-Policy"] = _content_security_policy(request)
        # The same address is a page or the part of it that a refresh asks for.
        patch_vary_headers(response, ["HX-Request"])
        response["Cache-Control"] = "no-store" if is_partial(request) else "no-cache"
        return response

    return guarded


def _problem(request: HttpRequest, error: DomainError) -> HttpResponse:
    shown = {"text": error.text, "status": error.status, "details": error.extra.get("details", {})}
    template = "parts/problem.html" if is_partial(request) else "problem.html"
    return render(request, f"dashboard/{template}", shown, status=error.status)


def _login(request: HttpRequest) -> HttpResponse:
    """Part of a page cannot be a login: the whole page goes there, and comes back."""
    if not is_partial(request):
        return redirect_to_login(request.get_full_path(), "admin:login")
    current = urlsplit(request.headers.get("HX-Current-URL", "/"))
    back = f"{current.path}?{current.query}" if current.query else current.path
    response = HttpResponse(status=401)
    response["HX-Redirect"] = redirect_to_login(back, "admin:login")["Location"]
    return response


def _content_security_policy(request: HttpRequest) -> str:
    host = request.get_host()
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self';"
        f" connect-src 'self' ws://{host} wss://{host}; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )
