import time

from django.http import HttpRequest, HttpResponse

from dcm.dashboard.pages import page, show
from dcm.dashboard.selectors import overview as selectors
from dcm.lib.api import json_response

MINUTES = 24 * 60


@page
def overview(request: HttpRequest) -> HttpResponse:
    """Who is at work, who is stuck, and what just happened."""
    return show(
        request,
        "overview.html",
        {
            "figures": selectors.figures,
            "agents": selectors.at_work,
            "stuck": selectors.stuck,
        },
    )


@page
def activity(request: HttpRequest) -> HttpResponse:
    """The chart's columns: {"minutes": [Unix seconds], "actions": [...], "failed": [...]}."""
    counted = selectors.activity()
    now = int(time.time()) // 60
    minutes = range(now - MINUTES + 1, now + 1)
    found = [counted.get(minute, (0, 0)) for minute in minutes]
    return json_response(
        {
            "minutes": [60 * minute for minute in minutes],
            "actions": [actions for actions, _ in found],
            "failed": [failed for _, failed in found],
        }
    )
