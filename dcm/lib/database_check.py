"""Does the database answer? Asked at most every 100 ms, however many want to know."""

import asyncio
import time
from concurrent.futures import Future
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from dcm.lib.measures import database_checks
from dcm.lib.threads import ConnectionThreads

FRESH_SECONDS = 0.1
PATIENCE_SECONDS = 1.0

Finding = dict[str, Any]


class DatabaseCheck:
    """Asks the database one question at a time; whoever comes meanwhile shares the answer."""

    def __init__(self) -> None:
        # A thread apart: when the database hangs, so does this, and takes no other with it.
        self._thread = ConnectionThreads(1, name="health")
        self._asked_at = float("-inf")
        self._asking: Future[Finding] | None = None

    async def finding(self) -> Finding:
        """{"healthy", "latencyMs", "error"?}: at most 100 ms old, within a second."""
        now = time.monotonic()
        if self._asking is None or (self._asking.done() and now - self._asked_at >= FRESH_SECONDS):
            self._asked_at = now
            self._asking = self._thread.submit(_ask)
        if self._asking.done():
            return self._asking.result()
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
    database_checks.note(time.monotonic() - asked_at)
    return {"healthy": True, "latencyMs": _milliseconds_since(asked_at)}


def _unhealthy(asked_at: float, error: str) -> Finding:
    return {"healthy": False, "latencyMs": _milliseconds_since(asked_at), "error": error}


def _milliseconds_since(moment: float) -> int:
    return round(1000 * (time.monotonic() - moment))


database = DatabaseCheck()
