"""Reading an inbox, which marks it as read. Contract: rest 5.10."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from dcm.lib.keyset import Keyset
from messaging.models import Message
from messaging.services.messages import mark_read

INBOX_ORDER = Keyset("-priority", "created_at", "id")


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """Whose messages, and which of them. since: created strictly after. cursor: of a page."""

    agent_id: str
    since: datetime | None = None
    topic: str | None = None
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
    agent_id = wanted.agent_id
    rows = Message.objects.inbox_of(agent_id, broadcasts=wanted.include_broadcasts)
    if wanted.since is not None:
        rows = rows.filter(created_at__gt=wanted.since)
    if wanted.topic is not None:
        rows = rows.filter(topic=wanted.topic)
    if wanted.unread_only:
        rows = rows.unread_by(agent_id)
    if wanted.until is not None:
        rows = rows.filter(created_at__lt=wanted.until)
    messages = list(INBOX_ORDER.after(rows, wanted.cursor)[: wanted.limit])
    unread = Message.objects.inbox_of(agent_id).unread_by(agent_id).order_by().count()
    if wanted.mark_read:
        newly = [message for message in messages if agent_id not in message.read_by]
        mark_read(newly, agent_id)
        unread = max(0, unread - len(newly))
    return messages, unread
