"""The event log is kept for a while, and is pruned from its beginning only: no holes."""

from django.conf import settings
from django.db import connection

from dcm.lib.pruning import BATCH, Pruning

_LAST_STALE = """
SELECT greatest(
  (SELECT seq - %(most)s FROM realtime_eventhead WHERE id = 1),
  (SELECT max(seq) FROM realtime_loggedevent
   WHERE created_at < now() - make_interval(hours => %(hours)s))
)
"""


def _last_stale() -> int:
    """The number up to which events are no longer kept."""
    retention = {"most": settings.EVENT_RETENTION_MAX, "hours": settings.EVENT_RETENTION_HOURS}
    with connection.cursor() as cursor:
        cursor.execute(_LAST_STALE, retention)
        return int(cursor.fetchone()[0] or 0)


def _count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM realtime_loggedevent WHERE seq <= %s", [_last_stale()])
        return int(cursor.fetchone()[0])


_DELETE = """
DELETE FROM realtime_loggedevent WHERE seq IN (
  SELECT seq FROM realtime_loggedevent WHERE seq <= %s ORDER BY seq LIMIT %s
)
"""


def _batch() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [_last_stale(), BATCH])
        return int(cursor.rowcount)


OLD_EVENTS = Pruning("events", _count, _batch)
"""Events beyond EVENT_RETENTION_HOURS or EVENT_RETENTION_MAX."""
