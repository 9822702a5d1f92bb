"""Messages: sent, read, expired. Contract: rest 5.10, 6.6."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.dispatch import receiver
from django.utils import timezone

from dcm.lib.errors import NotFound
from dcm.lib.pruning import BATCH
from messaging.models import Message, Subscription
from projects.services.projects import ProjectNotFound
from projects.signals import project_deleting
from realtime.channel_names import GLOBAL, agent_channel, topic_channel
from realtime.events import MessageExpired, MessageNew, MessageRead
from realtime.publish import publish, publish_all


class MessageNotFound(NotFound):
    message = "Message not found"


@transaction.atomic
def send_message(
    *,
    from_agent: str,
    topic: str,
    content: dict[str, Any],
    to_agent: str | None = None,
    priority: int = 0,
    ttl_seconds: int | None = None,
    project_id: uuid.UUID | None = None,
) -> Message:
    """A note to one agent, or to all. ttl_seconds: its life, by default MESSAGE_TTL_MS.

    Publishes message.new. Raises ProjectNotFound.
    """
    now = timezone.now()
    life = settings.MESSAGE_TTL_SECONDS if ttl_seconds is None else ttl_seconds
    message = Message(
        from_agent=from_agent,
        to_agent=to_agent or None,
        message_type=topic,
        topic=topic,
        content=content,
        priority=priority,
        project_id=project_id,
        created_at=now,
        expires_at=now + timedelta(seconds=life),
    )
    try:
        message.save(force_insert=True)
    except IntegrityError:
        raise ProjectNotFound(f"Project not found: {project_id}") from None
    _announce(message)
    return message


def _announce(message: Message) -> None:
    event = MessageNew(
        id=message.id,
        from_agent=message.from_agent,
        to_agent=message.to_agent,
        topic=message.topic,
        priority=message.priority,
        created_at=message.created_at,
        expires_at=message.expires_at,
    )
    publish(event, to=[GLOBAL, *_hearers(message), topic_channel(message.topic or "")])


def _hearers(message: Message) -> list[str]:
    """The addressee's channel; of a broadcast those of its topic's subscribers. Contract: R30."""
    if message.to_agent is not None:
        return [agent_channel(message.to_agent)]
    subscribers = Subscription.objects.filter(topic=message.topic)
    agents = subscribers.exclude(agent_id=message.from_agent).order_by("agent_id")
    return [agent_channel(agent_id) for agent_id in agents.values_list("agent_id", flat=True)]


_MARK_READ = """
WITH unread AS (
  SELECT id FROM messaging_message
  WHERE id = ANY(%(ids)s) AND NOT read_by @> ARRAY[%(agent)s]::text[]
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE messaging_message m SET read_by = array_append(m.read_by, %(agent)s)
FROM unread WHERE m.id = unread.id AND NOT m.read_by @> ARRAY[%(agent)s]::text[]
RETURNING m.id
"""


@transaction.atomic
def mark_read(messages: Sequence[Message], agent_id: str) -> None:
    """Note that the agent has read these. Publishes message.read for those it had not yet."""
    if not messages:
        return
    ids = [message.id for message in messages]
    with connection.cursor() as cursor:
        cursor.execute(_MARK_READ, {"ids": ids, "agent": agent_id})
        newly = {row[0] for row in cursor.fetchall()}
    publish_all(
        [
            (_read(message, agent_id), _sender_channels(message))
            for message in messages
            if message.id in newly
        ]
    )


@transaction.atomic
def mark_one_read(message_id: uuid.UUID, agent_id: str) -> None:
    """The same for one message. Raises MessageNotFound."""
    message = Message.objects.filter(id=message_id).first()
    if message is None:
        raise MessageNotFound
    mark_read([message], agent_id)


@receiver(project_deleting)
def hold_messages(project_id: uuid.UUID, **_: Any) -> None:
    """Lock the messages of a project that goes in the order in which readers do."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM messaging_message WHERE project_id = %s ORDER BY id FOR UPDATE",
            [project_id],
        )


def _read(message: Message, agent_id: str) -> MessageRead:
    return MessageRead(
        id=message.id,
        from_agent=message.from_agent,
        to_agent=message.to_agent,
        topic=message.topic,
        read_by=agent_id,
    )


def _sender_channels(message: Message) -> list[str]:
    return [GLOBAL, *([agent_channel(message.from_agent)] if message.from_agent else [])]


_EXPIRE = """
WITH expired AS (
  SELECT id FROM messaging_message WHERE expires_at <= now()
  ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
DELETE FROM messaging_message m USING expired WHERE m.id = expired.id
RETURNING m.id, m.from_agent, m.to_agent, m.topic
"""


@transaction.atomic
def expire_messages(limit: int = BATCH) -> int:
    """Delete up to `limit` messages whose time is over; returns how many.

    Publishes message.expired for each. Several processes may sweep at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRE, [limit])
        rows = cursor.fetchall()
    publish_all([_expired(*row) for row in rows])
    return len(rows)


_EXPIRE_ONE = """
DELETE FROM messaging_message WHERE id = %s RETURNING id, from_agent, to_agent, topic
"""


@transaction.atomic
def expire_message(message_id: uuid.UUID) -> None:
    """End its life now. Publishes message.expired. Raises MessageNotFound."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRE_ONE, [message_id])
        row = cursor.fetchone()
    if row is None:
        raise MessageNotFound
    publish_all([_expired(*row)])


def _expired(
    message_id: uuid.UUID, sender: str | None, addressee: str | None, topic: str | None
) -> tuple[MessageExpired, list[str]]:
    expired = MessageExpired(id=message_id, from_agent=sender, to_agent=addressee, topic=topic)
    return expired, [GLOBAL, *([agent_channel(addressee)] if addressee else [])]
