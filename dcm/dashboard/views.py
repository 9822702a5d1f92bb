from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dcm.health import totals
from projects.models import Action
from projects.selectors import active_agents
from sessions_app.models import Session

LATEST_ACTIONS = 20
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)


def page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page: read only, with nothing in it but what we serve, in production after a login."""

    @require_safe
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.PRODUCTION and not request.user.is_staff:
            return redirect_to_login(request.get_full_path(), "admin:login")
        response = view(request, *args, **kwargs)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return guarded


@page
def overview(request: HttpRequest) -> HttpResponse:
    """Who is at work, what just happened, and what comes in from now on."""
    actions = Action.objects.order_by("-created_at", "id").defer("input", "output")
    shown = {
        "totals": totals(),
        "open_sessions": Session.objects.filter(ended_at__isnull=True).count(),
        "agents": active_agents(),
        "actions": actions[:LATEST_ACTIONS],
    }
    return render(request, "dashboard/overview.html", shown)
