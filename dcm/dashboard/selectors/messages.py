"""What agents say to each other, by topic. Of large texts only the beginnings are read."""

from typing import Any

from django.db.models import Func, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Left

from dcm.dashboard.selectors.rows import rows
from dcm.lib.keyset import Keyset
from messaging.models import Delivery, Message

PAGE = 50
_NEWEST = Keyset("-created_at", "id")

_TOPICS = """
SELECT coalesce(topic, '') AS topic, count(*) AS messages,
       count(*) FILTER (WHERE read_by = '{}') AS unread
FROM messaging_message WHERE expires_at IS NULL OR expires_at > now()
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 40
"""


class Said(Func):
    """What a message says: of {"message": text} and {"text": text} the text, else each value."""

    template = """left(coalesce(
        CASE WHEN %(expressions)s - 'message' = '{}' OR %(expressions)s - 'text' = '{}'
        THEN coalesce(%(expressions)s->>'message', %(expressions)s->>'text')
        WHEN jsonb_typeof(%(expressions)s) = 'object' THEN (
          SELECT string_agg(key || ': ' || coalesce(value, '-'), ' · ')
          FROM jsonb_each_text(%(expressions)s)) END,
        %(expressions)s::text), 4000)"""
    output_field = TextField()


def topics() -> list[dict[str, Any]]:
    """Those with most messages first; unread: by anybody."""
    return rows(_TOPICS)


def messages(
    *, topic: str | None, agent_id: str | None, cursor: str | None
) -> tuple[list[Message], str | None]:
    """Newest first, unexpired; of a topic, from or to an agent. With the state of `delivery`."""
    found = Message.objects.unexpired()
    if topic is not None:
        found = found.filter(topic=topic)
    if agent_id is not None:
        found = found.filter(Q(from_agent=agent_id) | Q(to_agent=agent_id))
    came = Delivery.objects.filter(message_id=OuterRef("id")).values("state")[:1]
    found = found.annotate(delivery=Subquery(came))
    page = list(_NEWEST.after(in_short(found), cursor)[:PAGE])
    return page, _NEWEST.cursor(page, PAGE)


def in_short(found: "QuerySet[Message]") -> "QuerySet[Message]":
    """With `sender`, `addressee` and `said` in place of columns that may be long."""
    return found.defer("from_agent", "to_agent", "content").annotate(
        sender=Left("from_agent", 600), addressee=Left("to_agent", 600), said=Said("content")
    )
