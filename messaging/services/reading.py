"""Who has read what. Contract: rest 5.10, websocket W13."""

import uuid
from collections.abc import Collection

from django.db import transaction

from dcm.lib.errors import NotFound
from dcm.lib.statements import array, execute, query
from messaging.models import Message
from realtime.channel_names import GLOBAL, agent_channel
from realtime.events import MessageRead
from realtime.publish import Addressed, append


class MessageNotFound(NotFound):
    """Text, where several are named: `Message not found: 0b7c…`."""

    message = "Message not found"


_SEEN = """
UPDATE messaging_delivery
SET state = 'seen', seen_at = clock_timestamp(), to_inject = false, reason = NULL
WHERE message_id IN (
  SELECT message_id FROM messaging_delivery
  WHERE message_id = ANY($1::uuid[]) AND to_agent = $2 AND state IN ('queued', 'injected', 'dead')
  ORDER BY message_id FOR NO KEY UPDATE
)
"""
_MARK_READ = """
WITH unread AS (
  SELECT id FROM messaging_message
  WHERE id = ANY($1::uuid[]) AND NOT read_by @> ARRAY[$2]::text[]
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE messaging_message m SET read_by = array_append(m.read_by, $2)
FROM unread WHERE m.id = unread.id AND NOT m.read_by @> ARRAY[$2]::text[]
RETURNING m.id, m.from_agent, m.to_agent, m.topic
"""


def read_marks(ids: Collection[uuid.UUID], agent_id: str) -> list[Addressed]:
    """Note that the agent has read these.

    Returns message.read for those it had not yet, for the caller to append.
    """
    if not ids:
        return []
    wanted = array(map(str, ids))
    execute(_SEEN, wanted, agent_id)
    newly = {str(row[0]): row for row in query(_MARK_READ, wanted, agent_id)}
    return [_read(id_, newly[str(id_)], agent_id) for id_ in ids if str(id_) in newly]


@transaction.atomic
def mark_one_read(message_id: uuid.UUID, agent_id: str) -> None:
    """The same for one message. Publishes message.read. Raises MessageNotFound."""
    if not Message.objects.filter(id=message_id).exists():
        raise MessageNotFound
    append(read_marks([message_id], agent_id))


def _read(message_id: uuid.UUID, row: tuple[str | None, ...], agent_id: str) -> Addressed:
    _, sender, addressee, topic = row
    event = MessageRead(
        id=message_id, from_agent=sender, to_agent=addressee, topic=topic, read_by=agent_id
    )
    return Addressed(event, [GLOBAL, *([agent_channel(sender)] if sender else [])])
