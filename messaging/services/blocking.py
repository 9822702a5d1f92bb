import uuid

from django.db import transaction

from dcm.lib.errors import DomainError, NotFound
from messaging.models import Block
from realtime.channel_names import GLOBAL, agent_channel
from realtime.events import AgentBlocked, AgentUnblocked
from realtime.publish import publish


class CannotBlockSelf(DomainError):
    message = "An agent cannot block itself"


class BlockNotFound(NotFound):
    message = "Blocking record not found"


_UPSERT = """
INSERT INTO messaging_block (id, blocked_by, blocked_agent, reason, created_at)
VALUES (%(id)s, %(blocked_by)s, %(blocked_agent)s, %(reason)s, now())
ON CONFLICT (blocked_by, blocked_agent) DO UPDATE SET reason = EXCLUDED.reason
RETURNING *
"""


@transaction.atomic
def block_agent(*, blocked_by: str, blocked_agent: str, reason: str | None = None) -> Block:
    """Ask `blocked_agent` to wait for `blocked_by`; asking again replaces the reason.

    Publishes agent.blocked. Raises CannotBlockSelf.
    """
    if blocked_by == blocked_agent:
        raise CannotBlockSelf
    parameters = {
        "id": uuid.uuid4(),
        "blocked_by": blocked_by,
        "blocked_agent": blocked_agent,
        "reason": reason,
    }
    block = Block.objects.raw(_UPSERT, parameters)[0]
    _announce(block, AgentBlocked)
    return block


def unblock(block_id: uuid.UUID) -> Block:
    """Publishes agent.unblocked. Raises BlockNotFound."""
    return _remove(id=block_id)


def unblock_agent(*, blocked_by: str, blocked_agent: str) -> Block:
    """The same by the pair."""
    return _remove(blocked_by=blocked_by, blocked_agent=blocked_agent)


@transaction.atomic
def _remove(**which: object) -> Block:
    block = Block.objects.select_for_update().filter(**which).first()
    if block is None:
        raise BlockNotFound
    Block.objects.filter(id=block.id).delete()
    _announce(block, AgentUnblocked)
    return block


def _announce(block: Block, kind: type[AgentBlocked]) -> None:
    event = kind(
        id=block.id,
        blocked_by=block.blocked_by,
        blocked_agent=block.blocked_agent,
        reason=block.reason,
    )
    publish(event, to=[GLOBAL, agent_channel(block.blocked_agent)])
