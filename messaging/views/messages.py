import math
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Body, Query, ValidationFailed, hot_view, json_response, path_uuid, read_body
from dcm.lib.body import NonEmpty
from dcm.lib.joined import joined_view
from dcm.lib.threads import in_thread
from messaging.addresses import recipients
from messaging.serializers import ReaderInput, present_message
from messaging.services.inbox import INBOX_ORDER, Inbox, read_inbox
from messaging.services.messages import send, sender
from messaging.services.posting import Letter, Sent
from messaging.services.reading import mark_one_read
from realtime import read_your_writes

LONGEST_TTL_SECONDS = 86_400
MOST_MESSAGES = 1000


class MessageBody(Body):
    aliases: ClassVar = {
        "from_agent_id": "from_agent",
        "to_agent_id": "to_agent",
        "payload": "content",
    }
    from_agent: NonEmpty
    topic: Literal[
        "task.created",
        "task.completed",
        "task.failed",
        "context.request",
        "context.response",
        "alert.blocking",
        "agent.heartbeat",
        "workflow.progress",
    ]
    content: dict[str, Any] | str
    to_agent: str | None = None
    to: NonEmpty | None = None
    in_reply_to: uuid.UUID | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=10)] | None = None
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_TTL_SECONDS)] | None = None
    ttl_ms: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_TTL_SECONDS * 1000)] | None = None
    project_id: uuid.UUID | None = None


def post_alone(request: HttpRequest) -> HttpResponse:
    body = read_body(MessageBody, request.body)
    return _sent(send([_letter(body, to_agent) for to_agent in _addressees(body)]))


@hot_view(failure="Failed to publish message", method="POST", alone=post_alone)
async def post_message(request: HttpRequest) -> HttpResponse:
    body = read_body(MessageBody, request.body)
    if body.to is not None or body.in_reply_to is not None:
        return await in_thread(post_alone, request)
    posted = await sender.submit(_letter(body, body.to_agent or None))
    read_your_writes.note(posted.seq)
    return _sent([posted.sent])


def _letter(body: MessageBody, to_agent: str | None) -> Letter:
    return Letter(
        from_agent=body.from_agent,
        to_agent=to_agent,
        topic=body.topic,
        content={"message": body.content} if isinstance(body.content, str) else body.content,
        priority=body.priority or 0,
        ttl_seconds=_ttl_seconds(body),
        project_id=body.project_id,
        in_reply_to=body.in_reply_to,
    )


def _sent(sent: Sequence[Sent]) -> HttpResponse:
    reply = {
        "success": True,
        "message": _receipt(sent[0]),
        "deliveries": [{"message_id": each.id, **each.delivery} for each in sent if each.delivery],
    }
    return json_response(reply, 201)


def _addressees(body: MessageBody) -> list[str | None]:
    """to_agent is an id as it stands, or nothing for everybody; `to` is an address."""
    if body.to is None:
        return [body.to_agent or None]
    if body.to_agent:
        raise ValidationFailed({"to": ["Give to or to_agent, not both"]})
    found = recipients(body.to, sender=body.from_agent, project_id=body.project_id)
    return [each.agent_id for each in found]


def _ttl_seconds(body: MessageBody) -> int | None:
    if body.ttl_seconds is None and body.ttl_ms is not None:
        return math.ceil(body.ttl_ms / 1000)
    return body.ttl_seconds


def _receipt(sent: Sent) -> dict[str, Any]:
    """What the sender gets back; not the content."""
    letter = sent.letter
    return {
        "id": sent.id,
        "from_agent": letter.from_agent,
        "to_agent": letter.to_agent,
        "topic": letter.topic,
        "priority": letter.priority,
        "created_at": sent.created_at,
        "expires_at": sent.expires_at,
        "is_broadcast": letter.to_agent is None,
    }


@joined_view(failure="Failed to fetch messages")
def inbox(query: Query, agent_id: str) -> dict[str, Any]:
    """Whoever reads the same inbox at the same time gets the same messages."""
    wanted = Inbox(
        agent_id=agent_id,
        since=query.moment("since"),
        topic=query.text("topic"),
        include_broadcasts=query.flag("include_broadcasts", True),
        unread_only=query.flag("unread_only", False),
        until=query.moment("until"),
        cursor=query.text("cursor"),
        limit=query.integer("limit", 100, least=1, most=MOST_MESSAGES),
        mark_read=query.flag("mark_read", True),
    )
    messages, unread = read_inbox(wanted)
    return {
        "agent_id": agent_id,
        "messages": [present_message(message, agent_id) for message in messages],
        "count": len(messages),
        "unread_remaining": unread,
        "next_cursor": INBOX_ORDER.cursor(messages, wanted.limit),
    }


class MessageReadMark(APIView):
    failure = "Failed to fetch messages"

    def post(self, request: Request, message_id: str) -> Response:
        mark_one_read(path_uuid(message_id), ReaderInput.read(request.data)["agent_id"])
        return Response({"success": True})
