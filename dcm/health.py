"""Is it alive, is its database, and how much is in it. Contract: rest 5.1, 6.5."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request as HttpCall
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm import __version__, tools_summary
from dcm.lib.api import Query, hot_view, json_response
from dcm.lib.database_check import database
from dcm.lib.joined import joined_view
from dcm.totals import totals

logger = logging.getLogger("dcm.health")

FEATURES = {
    "phase1": "database",
    "phase2": "routing",
    "phase3": "hierarchy",
    "phase4": "pubsub",
    "phase5": "context",
    "phase6": "sessions",
    "phase7": "tools-summary",
    "phase8": "websocket-auth",
}


async def log_outages() -> None:
    """Say so in the log, every HEALTHCHECK_INTERVAL_MS, while the database is down."""
    while True:
        await asyncio.sleep(settings.HEALTHCHECK_INTERVAL_MS / 1000)
        found = await database.finding()
        if not found["healthy"]:
            logger.error("%s", found["error"])


@hot_view(failure="Failed to check health", method="GET")
async def health(request: HttpRequest) -> HttpResponse:
    found = await database.finding()
    reply = {
        "status": "healthy" if found["healthy"] else "unhealthy",
        "timestamp": datetime.now(UTC),
        "version": __version__,
        "database": found,
        "features": FEATURES,
    }
    return json_response(reply, 200 if found["healthy"] else 503)


@hot_view(failure="Failed to check health", method="GET")
async def livez(request: HttpRequest) -> HttpResponse:
    """This process answers, whatever the database does."""
    return json_response({"status": "alive"})


@joined_view(failure="Failed to get stats")
def stats(query: Query) -> dict[str, Any]:
    return totals()


class ToolsSummary(APIView):
    failure = "Failed to fetch tools summary"

    def get(self, request: HttpCall) -> Response:
        return Response(tools_summary.summary(settings.CLAUDE_HOME))
