"""Messages whose addressee ended before it saw them, and the notices to their senders."""

from collections.abc import Collection

from django.db.models.functions import Now

from messaging.models import MESSAGE_UNDELIVERABLE, Delivery
from messaging.services.posting import SERVER, Letter, post
from realtime.channel_names import GLOBAL, agent_channel
from realtime.events import MessageUndeliverable
from realtime.publish import Addressed

State = Delivery.State


def bury(agents: Collection[str], *, reason: str) -> list[Addressed]:
    """What waits for these agents is dead; each sender gets a notice.

    Returns what there is to announce, for the caller to append.
    """
    open_ = Delivery._base_manager.select_for_update(no_key=True).filter(
        to_agent__in=agents, state__in=Delivery.OPEN, expires_at__gt=Now()
    )
    dead = list(open_.order_by("message_id"))
    if not dead:
        return []
    ids = [each.message_id for each in dead]
    Delivery._base_manager.filter(message_id__in=ids).update(
        state=State.DEAD, reason=f"its addressee ended: {reason}"
    )
    letters = [_notice(each, reason) for each in dead if each.from_agent != SERVER]
    return [_told(each, reason) for each in dead] + post(letters)


def _notice(dead: Delivery, reason: str) -> Letter:
    text = (
        f"Message {dead.number} to {dead.to_agent} was not seen: {dead.to_agent} ended ({reason})."
    )
    return Letter(
        from_agent=None,
        to_agent=dead.from_agent,
        topic=MESSAGE_UNDELIVERABLE,
        content={"message": text, "message_id": str(dead.message_id)},
        in_reply_to=dead.message_id,
        project_id=dead.project_id,
    )


def _told(dead: Delivery, reason: str) -> Addressed:
    event = MessageUndeliverable(
        id=dead.message_id,
        from_agent=dead.from_agent or None,
        to_agent=dead.to_agent,
        topic=None,
        reason=reason,
    )
    sender = [agent_channel(dead.from_agent)] if dead.from_agent else []
    return Addressed(event, [GLOBAL, *sender])
