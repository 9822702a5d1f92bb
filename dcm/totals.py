"""How many rows there are of each main kind."""

from datetime import UTC, datetime
from typing import Any

from dcm.lib.counting import Counted
from dcm.lib.redaction.models import RedactionCount
from dcm.lib.statements import fetch
from messaging.models import Message
from projects.models import Action, Project, Request

_COUNTS = f"""
SELECT (SELECT count(*) FROM {Project._meta.db_table}),
       (SELECT count(*) FROM {Request._meta.db_table}),
       (SELECT count(*) FROM {Action._meta.db_table}),
       (SELECT count(*) FROM {Message._meta.db_table}),
       (SELECT coalesce(sum(count), 0)::bigint FROM {RedactionCount._meta.db_table})
"""  # noqa: S608  constants of ours
_NAMES = ("projectCount", "requestCount", "actionCount", "messageCount", "redactedCount")


def count_rows() -> tuple[dict[str, Any], int]:
    counted_at = datetime.now(UTC)
    (counts,) = fetch(_COUNTS, {})
    return {**dict(zip(_NAMES, counts, strict=True)), "timestamp": counted_at}, sum(counts)


totals = Counted(count_rows)
"""The counts under the names of /stats, and `timestamp`: when they were counted."""
