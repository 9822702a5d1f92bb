"""How many rows there are of each main kind."""

import time
from datetime import UTC, datetime
from typing import Any

from dcm.lib.redaction.models import RedactionCount
from dcm.lib.statements import fetch
from messaging.models import Message
from projects.models import Action, Project, Request

MANY = 20_000
KEPT_SECONDS = 1.0

_COUNTS = f"""
SELECT (SELECT count(*) FROM {Project._meta.db_table}),
       (SELECT count(*) FROM {Request._meta.db_table}),
       (SELECT count(*) FROM {Action._meta.db_table}),
       (SELECT count(*) FROM {Message._meta.db_table}),
       (SELECT coalesce(sum(count), 0)::bigint FROM {RedactionCount._meta.db_table})
"""  # noqa: S608  constants of ours
_NAMES = ("projectCount", "requestCount", "actionCount", "messageCount", "redactedCount")


class Totals:
    """Call it for the counts under the names of /stats, and `timestamp`: when they were counted.

    PostgreSQL counts row by row, so more than `many` rows are counted at most once a second, for
    everybody together. Fewer are counted anew for each call.
    """

    def __init__(self, *, many: int = MANY) -> None:
        self._many = many
        self._kept: dict[str, Any] = {}
        self._kept_at = float("-inf")

    def __call__(self) -> dict[str, Any]:
        if time.monotonic() - self._kept_at < KEPT_SECONDS:
            return self._kept
        counted_at = datetime.now(UTC)
        (counts,) = fetch(_COUNTS, {})
        found = {**dict(zip(_NAMES, counts, strict=True)), "timestamp": counted_at}
        if sum(counts) > self._many:
            self._kept, self._kept_at = found, time.monotonic()
        return found


totals = Totals()
