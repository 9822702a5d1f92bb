"""Is it alive, is its database, and how much is in it. Contract: rest 5.1, 6.5."""

import asyncio
import logging
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request as HttpCall
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm import __version__, tools_summary
from dcm.lib.api import hot_view, json_response
from dcm.lib.threads import ConnectionThreads
from messaging.models import Message
from projects.models import Action, Project, Request

logger = logging.getLogger("dcm.health")

FRESH_SECONDS = 0.1
PATIENCE_SECONDS = 1.5
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

Finding = dict[str, Any]


class DatabaseCheck:
    """Asks the database one question at a time; whoever comes meanwhile shares the answer."""

    def __init__(self) -> None:
        # A thread apart: when the database hangs, so does this, and takes no other with it.
        self._thread = ConnectionThreads(1, name="health")
        self._asked_at = float("-inf")
        self._asking: Future[Finding] | None = None

    async def finding(self) -> Finding:
        """{"healthy", "latencyMs", "error"?}: at most 100 ms old, within 1.5 seconds."""
        now = time.monotonic()
        if self._asking is None or (self._asking.done() and now - self._asked_at >= FRESH_SECONDS):
            self._asked_at = now
            self._asking = self._thread.submit(_ask)
        asking = asyncio.shield(asyncio.wrap_future(self._asking))
        try:
            return await asyncio.wait_for(asking, PATIENCE_SECONDS)
        except TimeoutError:
            return _unhealthy(self._asked_at, "The database does not answer")


def _ask() -> Finding:
    asked_at = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (OperationalError, InterfaceError):
        return _unhealthy(asked_at, "The database cannot be reached")
    return {"healthy": True, "latencyMs": _milliseconds_since(asked_at)}


def _unhealthy(asked_at: float, error: str) -> Finding:
    return {"healthy": False, "latencyMs": _milliseconds_since(asked_at), "error": error}


def _milliseconds_since(moment: float) -> int:
    return round(1000 * (time.monotonic() - moment))


database = DatabaseCheck()


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


def totals() -> dict[str, int]:
    """How many rows there are of each main kind, under the names of /stats."""
    return {
        "projectCount": Project.objects.count(),
        "requestCount": Request.objects.count(),
        "actionCount": Action.objects.count(),
        "messageCount": Message.objects.count(),
    }


class Stats(APIView):
    failure = "Failed to get stats"

    def get(self, request: HttpCall) -> Response:
        return Response({**totals(), "timestamp": datetime.now(UTC)})


class ToolsSummary(APIView):
    failure = "Failed to fetch tools summary"

    def get(self, request: HttpCall) -> Response:
        return Response(tools_summary.summary(settings.CLAUDE_HOME))
