"""Messages: sent, expired. Contract: rest 5.10, 6.6."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.dispatch import receiver

from dcm.lib.batcher import Batcher
from dcm.lib.pruning import BATCH
from messaging.models import Delivery, Message, Topic
from messaging.services.delivery import acknowledged
from messaging.services.posting import Letter, Sent, announcement, in_order_of_pairs, put
from messaging.services.reading import MessageNotFound
from projects.models import Subtask
from projects.signals import project_deleting, subtasks_ready
from realtime.channel_names import GLOBAL, agent_channel
from realtime.events import MessageExpired
from realtime.publish import Addressed, append, publish_all


@transaction.atomic
def send(letters: Sequence[Letter]) -> list[Sent]:
    """Notes to one agent each, or to all. A reply acknowledges what it replies to.

    Publishes message.new, and what acknowledged() does. Raises ProjectNotFound, MessageNotFound.
    """
    told = [event for letter in letters for event in _answered(letter)]
    sent = put(in_order_of_pairs(letters))
    append(told + [announcement(each) for each in sent])
    return sent


@dataclass(frozen=True)
class Posted:
    """seq: number of the event that announces it."""

    sent: Sent
    seq: int


def send_each(letters: list[Letter]) -> list[Posted]:
    """The same for letters of several senders that answer nothing."""
    with transaction.atomic():
        sent = put(letters)
        announced = append([announcement(each) for each in sent])
    return [Posted(each, seq) for each, seq in zip(sent, announced.numbers, strict=True)]


sender: Batcher[Letter, Posted] = Batcher(send_each)
"""For the event loop: what is sent at the same time shares a commit."""


def send_message(**letter: Any) -> Sent:
    """The same for one; fields as Letter has them."""
    (sent,) = send([Letter(**letter)])
    return sent


def _answered(letter: Letter) -> list[Addressed]:
    if letter.in_reply_to is None:
        return []
    delivery = Delivery.objects.filter(message_id=letter.in_reply_to).first()
    if delivery is not None and delivery.to_agent == letter.from_agent:
        return acknowledged(letter.in_reply_to, delivery.to_agent)
    if delivery is None and not Message.objects.filter(id=letter.in_reply_to).exists():
        raise MessageNotFound(f"Message not found: {letter.in_reply_to}")
    return []


@receiver(subtasks_ready)
def tell_waiting(subtasks: Sequence[Subtask], blocker: Subtask, **_: Any) -> None:
    """A message to each agent that waited for somebody else's subtask. Publishes message.new."""
    waiting = [each for each in subtasks if each.agent_id not in (None, "", blocker.agent_id)]
    send([_go_on(subtask, blocker) for subtask in waiting])


def _go_on(subtask: Subtask, blocker: Subtask) -> Letter:
    done = "is completed" if blocker.status == Subtask.Status.COMPLETED else "is gone"
    return Letter(
        from_agent=blocker.agent_id or None,
        to_agent=subtask.agent_id,
        topic=Topic.TASK_COMPLETED,
        content={
            "message": f"You can go on with “{subtask.description[:_SHORT]}”:"
            f" “{blocker.description[:_SHORT]}” {done}, and it waits for nothing else.",
            "subtask_id": str(subtask.id),
            "blocker_id": str(blocker.id),
        },
        priority=Message.HIGH_PRIORITY,
        project_id=subtask.task.request.project_id,
    )


_SHORT = 120


@receiver(project_deleting)
def hold_messages(project_id: uuid.UUID, **_: Any) -> None:
    """Lock what goes with a project in the order in which hooks and readers do."""
    with connection.cursor() as cursor:
        for statement in _HOLD:
            cursor.execute(statement, [project_id])


_HOLD = (
    "SELECT FROM messaging_agent WHERE project_id = %s ORDER BY id FOR UPDATE",
    "SELECT FROM messaging_delivery WHERE project_id = %s ORDER BY message_id FOR UPDATE",
    "SELECT FROM messaging_message WHERE project_id = %s ORDER BY id FOR UPDATE",
)


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
