"""How messages come before an agent by the replies to its hooks, and who says that it saw them.

queued > injected > seen > acknowledged; or dead, when the agent ended before. Decision 0022.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from dcm.lib.errors import NotFound
from messaging.injection import LARGEST_INJECTION, MOST_INJECTIONS, Note, in_words
from messaging.models import Agent, Delivery, Message
from messaging.services.reading import MessageNotFound, read_marks
from realtime.channel_names import GLOBAL, agent_channel
from realtime.events import MessageAcknowledged, MessageInjected
from realtime.publish import Addressed, append

State = Delivery.State


class NoDelivery(NotFound):
    """Text: `Agent web-1 has no message 0b7c…`."""


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What a hook is good for. began_at: when the model asked for what it tells of; None: now.

    proves: the model was asked again before, and so saw what stood before it then. forgets: it
    begins anew and may have lost what was put before it. carries: the reply reaches it;
    only_urgent: at the price of keeping it from its rest. carrier: the host's id of the event;
    repeated: the reply to the first time may have been lost.
    """

    proves: bool = False
    forgets: bool = False
    carries: bool = False
    only_urgent: bool = False
    began_at: datetime | None = None
    carrier: str | None = None
    repeated: bool = False

    @property
    def is_any(self) -> bool:
        return self.proves or self.forgets or self.carries or self.repeated


@dataclass
class Handed:
    """What to put before the agent, and what there is to announce."""

    text: str | None = None
    told: list[Addressed] = field(default_factory=list)


def hand_over(agents: Iterable[Agent], agent: Agent, occasion: Occasion) -> Handed:
    """Note what the agent has seen, and what is put before it now.

    agents: all of the session, held, this one among them: they share one budget.
    """
    if not occasion.is_any:
        return Handed()
    open_ = Delivery.objects.select_for_update(no_key=True).filter(
        Q(state=State.INJECTED) | Q(state=State.QUEUED, to_inject=True),
        to_agent=agent.agent_id,
        expires_at__gt=Now(),
    )
    waiting = list(open_.order_by("message_id"))
    told = _note_seen(agent.agent_id, waiting, occasion)
    _queue_again(waiting, occasion)
    text = None
    if occasion.carries:
        text, injected = _inject([*agents], agent, waiting, occasion)
        told += injected
    return Handed(text, told)


def _note_seen(agent_id: str, waiting: Sequence[Delivery], occasion: Occasion) -> list[Addressed]:
    if not occasion.proves:
        return []
    before = occasion.began_at or timezone.now()
    seen = [
        each
        for each in waiting
        if each.state == State.INJECTED and each.injected_at and each.injected_at < before
    ]
    for each in seen:
        each.state = State.SEEN
    return read_marks([each.message_id for each in seen], agent_id)


def _queue_again(waiting: Sequence[Delivery], occasion: Occasion) -> None:
    """What may have been lost on its way; after some times it waits in the inbox only."""
    for each in waiting:
        lost = occasion.forgets or (occasion.repeated and each.carrier == occasion.carrier)
        if each.state == State.INJECTED and lost:
            each.state, each.reason = State.QUEUED, "was not seen"
            each.to_inject = each.injections < MOST_INJECTIONS
            each.save(update_fields=["state", "reason", "to_inject"])


def _inject(
    agents: list[Agent], agent: Agent, waiting: Sequence[Delivery], occasion: Occasion
) -> tuple[str | None, list[Addressed]]:
    queued = [each for each in waiting if each.state == State.QUEUED and each.to_inject]
    left = min(
        LARGEST_INJECTION,
        settings.INJECT_MAX_CHARACTERS - sum(each.injected_characters for each in agents),
    )
    if sum(each.injections for each in agents) >= settings.INJECT_MAX_TIMES:
        left = 0
    messages = Message.objects.in_bulk([each.message_id for each in queued])
    notes = [
        Note(each, message)
        for each in queued
        if (message := messages.get(each.message_id))
        and not (occasion.only_urgent and message.priority < Message.HIGH_PRIORITY)
    ]
    text, chosen = in_words(notes, names=_names(notes), most=left)
    if not chosen:
        if left < LARGEST_INJECTION:
            _hold_back([each.delivery for each in notes])
        return None, []
    ids = [each.delivery.message_id for each in chosen]
    Delivery.objects.filter(message_id__in=ids).update(
        state=State.INJECTED,
        injected_at=timezone.now(),
        injections=F("injections") + 1,
        carrier=occasion.carrier,
        reason=None,
    )
    agent.injections += 1
    agent.injected_characters += len(text)
    agent.save(update_fields=["injections", "injected_characters"])
    return text, [_told(MessageInjected, each.message) for each in chosen]


def _hold_back(deliveries: Sequence[Delivery]) -> None:
    """The session's budget has no room for these: they wait in the inbox."""
    ids = [each.message_id for each in deliveries]
    Delivery.objects.filter(message_id__in=ids).update(
        to_inject=False, reason="the session's budget for injected text is used up"
    )


def _names(notes: Sequence[Note]) -> dict[str, str]:
    senders = {each.delivery.from_agent for each in notes}
    rows = Agent.objects.filter(agent_id__in=senders).order_by("seen_at")
    return {row.agent_id: row.name for row in rows}


@transaction.atomic
def acknowledge(message_id: uuid.UUID, agent_id: str) -> Delivery:
    """The agent has taken note of a message to it; again it changes nothing.

    Publishes message.read if it had not, and message.acknowledged. Raises MessageNotFound,
    NoDelivery.
    """
    found = acknowledged(message_id, agent_id)
    delivery = Delivery.objects.filter(message_id=message_id).first()
    append(found)
    if delivery is None:
        raise MessageNotFound
    return delivery


def acknowledged(message_id: uuid.UUID, agent_id: str) -> list[Addressed]:
    """The same; what there is to announce, for the caller to append."""
    rows = Delivery.objects.select_for_update(no_key=True).filter(message_id=message_id)
    delivery = rows.first()
    if delivery is None:
        raise MessageNotFound
    if delivery.to_agent != agent_id:
        raise NoDelivery(f"Agent {agent_id[:200]} has no message {message_id}")
    if delivery.state == State.ACKNOWLEDGED:
        return []
    told = read_marks([message_id], agent_id)
    now = timezone.now()
    rows.update(
        state=State.ACKNOWLEDGED,
        acknowledged_at=now,
        seen_at=delivery.seen_at or now,
        to_inject=False,
        reason=None,
    )
    sender = delivery.from_agent or None
    event = MessageAcknowledged(
        id=message_id, from_agent=sender, to_agent=agent_id, topic=None, acknowledged_by=agent_id
    )
    return [*told, Addressed(event, [GLOBAL, *([agent_channel(sender)] if sender else [])])]


def _told(kind: type[MessageInjected], message: Message) -> Addressed:
    event: Any = kind(
        id=message.id,
        from_agent=message.from_agent,
        to_agent=message.to_agent,
        topic=message.topic,
    )
    sender = [agent_channel(message.from_agent)] if message.from_agent else []
    return Addressed(event, [GLOBAL, *sender])
