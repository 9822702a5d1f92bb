"""What comes in and goes out. Contract: rest 5.10 to 5.12, aliases 7."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from rest_framework import serializers

from dcm.lib.api import Input, Output, Text, Uuid
from messaging.models import Block, Delivery, Message, Subscription, Topic


class Url(Text):
    """An absolute URL of any scheme."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = urlsplit("")
        if not parts.scheme or not (parts.netloc or parts.path):
            raise serializers.ValidationError("Invalid URL")
        return text


class SubscriptionInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"event_type": "topic"}
    agent_id = Text()
    topic = Text(choices=Topic.values)
    callback_url = Url(required=False)


class UnsubscribeInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"event_type": "topic"}
    agent_id = Text()
    topic = Text()


class SubscriptionOutput(Output[Subscription]):
    class Meta:
        model = Subscription
        fields = ["id", "agent_id", "topic", "callback_url", "created_at", "updated_at"]


class UnblockInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {
        "blocker_agent_id": "blocked_by",
        "blocker_id": "blocked_by",
        "blocked_agent_id": "blocked_agent",
        "blocked_id": "blocked_agent",
    }
    blocked_by = Text()
    blocked_agent = Text()


class BlockInput(UnblockInput):
    reason = Text(max_length=500, required=False, allow_blank=True)


class BlockOutput(Output[Block]):
    class Meta:
        model = Block
        fields = ["id", "blocked_by", "blocked_agent", "reason", "created_at"]


class ReaderInput(Input):
    agent_id = Text()


class DeliveryOutput(Output[Delivery]):
    project_id = Uuid(allow_null=True)

    class Meta:
        model = Delivery
        fields = [
            "message_id",
            "project_id",
            "from_agent",
            "to_agent",
            "number",
            "in_reply_to",
            "is_crossed",
            "state",
            "reason",
            "injections",
            "queued_at",
            "injected_at",
            "seen_at",
            "acknowledged_at",
            "expires_at",
        ]


def present_message(message: Message, reader: str) -> dict[str, Any]:
    """A message in an inbox: the contract's keys, and those that the dashboard client reads."""
    return {
        "id": message.id,
        "from_agent": message.from_agent,
        "to_agent": message.to_agent,
        "topic": message.topic,
        "content": message.content,
        "priority": message.priority,
        "is_broadcast": message.to_agent is None,
        "already_read": reader in message.read_by,
        "created_at": message.created_at,
        "expires_at": message.expires_at,
        "from_agent_id": message.from_agent,
        "to_agent_id": message.to_agent,
        "message_type": message.message_type,
        "payload": message.content,
        "read_by": message.read_by,
    }
