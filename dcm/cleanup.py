"""All that goes stale, swept together: by `manage.py cleanup`, and every minute by a server."""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.errors import outliving
from dcm.lib.idempotency.pruning import STORED_REPLIES
from dcm.lib.pruning import Pruning, prune
from dcm.lib.threads import in_thread
from messaging.pruning import (
    ENDED_AGENTS,
    EXPIRED_MESSAGES,
    LOST_AGENTS,
    OLD_CORRESPONDENCES,
    OLD_DELIVERIES,
    SILENT_AGENTS,
)
from messaging.selectors import message_counts
from projects.pruning import ENDED_LEASES, LOST_CLAIMS, OLD_ACTIONS
from realtime.presence import FORGOTTEN_CHANNELS, LOST_SOCKETS
from realtime.pruning import OLD_EVENTS
from realtime.waiting import STALE_ACKNOWLEDGEMENTS
from sessions_app.pruning import ABSENT_AGENTS, OLD_COMPACTIONS, TOOL_STARTS

logger = logging.getLogger("dcm.cleanup")

EVERY_SECONDS = 60
PRUNINGS: list[Pruning] = [
    EXPIRED_MESSAGES,
    SILENT_AGENTS,
    LOST_AGENTS,
    ENDED_AGENTS,
    OLD_DELIVERIES,
    OLD_CORRESPONDENCES,
    ENDED_LEASES,
    LOST_CLAIMS,
    OLD_EVENTS,
    OLD_ACTIONS,
    ABSENT_AGENTS,
    TOOL_STARTS,
    OLD_COMPACTIONS,
    STORED_REPLIES,
    LOST_SOCKETS,
    FORGOTTEN_CHANNELS,
    STALE_ACKNOWLEDGEMENTS,
]

_last_sweep: dict[str, Any] | None = None


async def sweep_for_ever() -> None:
    """At the start and every minute. Of several servers each batch is one's."""
    while True:
        with outliving(logger, "the cleanup failed"):
            await in_thread(sweep)
        await asyncio.sleep(EVERY_SECONDS)


def sweep() -> dict[str, int]:
    """How many rows of each kind were pruned."""
    global _last_sweep
    began, at = time.monotonic(), datetime.now(UTC)
    pruned = {pruning.noun: prune(pruning) for pruning in PRUNINGS}
    _last_sweep = {
        "deletedMessages": pruned[EXPIRED_MESSAGES.noun],
        "deletedAt": at,
        "durationMs": round(1000 * (time.monotonic() - began)),
    }
    if any(pruned.values()):
        logger.info("pruned %s", ", ".join(f"{n} {noun}" for noun, n in pruned.items() if n))
    return pruned


class CleanupStats(APIView):
    """The last sweep of this process, and what messages there are. Contract: rest 5.1."""

    failure = "Failed to get cleanup stats"

    def get(self, request: Request) -> Response:
        return Response(
            {
                "last_cleanup": _last_sweep,
                "messages": message_counts(),
                "timestamp": datetime.now(UTC),
            }
        )
