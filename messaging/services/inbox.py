"""Reading an inbox, which marks it as read. Contract: rest 5.10.

The statements are planned once for each set of filters: agents look into it all the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from dcm.lib.keys.limits import limits, of_caller
from dcm.lib.keyset import Keyset
from dcm.lib.rows import columns, row
from dcm.lib.statements import Asked, fetch_each
from messaging.models import Message
from messaging.services.reading import read_marks
from realtime.publish import append

INBOX_ORDER = Keyset("-priority", "created_at", "id")


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """Whose messages, and which of them. since: created strictly after. cursor: of a page.

    but: a topic that is left out.
    """

    agent_id: str
    since: datetime | None = None
    topic: str | None = None
    but: str | None = None
    include_broadcasts: bool = True
    unread_only: bool = False
    until: datetime | None = None
    limit: int = 100
    cursor: str | None = None
    mark_read: bool = True


@transaction.atomic
def read_inbox(wanted: Inbox) -> tuple[list[Message], int]:
    """The messages, most urgent first, as they were before, and how many are unread now.

    Publishes message.read for those that were unread, unless mark_read is false. Raises
    InvalidQuery for a cursor that is none.
    """
    rows, ((unread,),) = fetch_each([ask_inbox(wanted), _count(wanted.agent_id)])
    messages = messages_of(rows)
    if wanted.mark_read:
        newly = [message.id for message in messages if wanted.agent_id not in message.read_by]
        append(read_marks(newly, wanted.agent_id))
        unread = max(0, unread - len(newly))
    return messages, unread


# As MessageQuerySet.inbox_of(), and what a key is limited to.
_OWN = "to_agent = %(agent)s"
_OWN_AND_BROADCASTS = "(to_agent = %(agent)s OR to_agent IS NULL)"
_ALIVE = f"(expires_at IS NULL OR expires_at > now()) AND {of_caller('project_id')}"
_UNREAD = "NOT read_by @> ARRAY[%(agent)s]::text[]"
_BEHIND = """(priority < %(priority)s OR priority = %(priority)s
  AND (created_at, id) > (%(at)s::timestamptz, %(id)s::uuid))"""


def ask_inbox(wanted: Inbox) -> Asked:
    """For the rows that messages_of() takes; nothing is marked."""
    possible = {
        "created_at > %(since)s": wanted.since,
        "created_at < %(until)s": wanted.until,
        "topic = %(topic)s": wanted.topic,
        "topic IS DISTINCT FROM %(but)s": wanted.but,
        _UNREAD: wanted.unread_only or None,
        _BEHIND: wanted.cursor,
    }
    given = [condition for condition, value in possible.items() if value is not None]
    whose = _OWN_AND_BROADCASTS if wanted.include_broadcasts else _OWN
    statement = f"""
SELECT {columns(Message, "message")} FROM messaging_message message
WHERE {" AND ".join([whose, _ALIVE, *given])}
ORDER BY priority DESC, created_at, id LIMIT %(limit)s
"""  # noqa: S608  constants of ours
    asked: dict[str, Any] = {
        "agent": wanted.agent_id,
        "projects": limits(),
        "since": wanted.since,
        "until": wanted.until,
        "topic": wanted.topic,
        "but": wanted.but,
        "limit": wanted.limit,
    }
    if wanted.cursor is not None:
        place = INBOX_ORDER.read(Message, wanted.cursor)
        asked |= zip(("priority", "at", "id"), place, strict=True)
    return statement, asked


_COUNT = f"""
SELECT count(*) FROM messaging_message WHERE {_OWN_AND_BROADCASTS} AND {_ALIVE} AND {_UNREAD}
"""  # noqa: S608  constants of ours


def _count(agent_id: str) -> Asked:
    return _COUNT, {"agent": agent_id, "projects": limits()}


def messages_of(rows: Iterable[Any]) -> list[Message]:
    return [row(Message, values) for values in rows]
