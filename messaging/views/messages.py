import math
import uuid
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Body, Query, hot_view, json_response, path_uuid, read_body
from dcm.lib.body import NonEmpty
from dcm.lib.threads import in_thread
from messaging.models import Message
from messaging.serializers import ReaderInput, present_message
from messaging.services.inbox import INBOX_ORDER, Inbox, read_inbox
from messaging.services.messages import mark_one_read, send_message

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
    priority: Annotated[int, msgspec.Meta(ge=0, le=10)] | None = None
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_TTL_SECONDS)] | None = None
    ttl_ms: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_TTL_SECONDS * 1000)] | None = None
    project_id: uuid.UUID | None = None


def post_alone(request: HttpRequest) -> HttpResponse:
    body = read_body(MessageBody, request.body)
    message = send_message(
        from_agent=body.from_agent,
        to_agent=body.to_agent or None,
        topic=body.topic,
        content={"message": body.content} if isinstance(body.content, str) else body.content,
        priority=body.priority or 0,
        ttl_seconds=_ttl_seconds(body),
        project_id=body.project_id,
    )
    return json_response({"success": True, "message": _receipt(message)}, 201)


@hot_view(failure="Failed to publish message", method="POST", alone=post_alone)
async def post_message(request: HttpRequest) -> HttpResponse:
    return await in_thread(post_alone, request)


def _ttl_seconds(body: MessageBody) -> int | None:
    if body.ttl_seconds is None and body.ttl_ms is not None:
        return math.ceil(body.ttl_ms / 1000)
    return body.ttl_seconds


def _receipt(message: Message) -> dict[str, Any]:
    """What the sender gets back; not the content."""
    return {
        "id": message.id,
        "from_agent": message.from_agent,
        "to_agent": message.to_agent,
        "topic": message.topic,
        "priority": message.priority,
        "created_at": message.created_at,
        "expires_at": message.expires_at,
        "is_broadcast": message.to_agent is None,
    }


@hot_view(failure="Failed to fetch messages", method="GET")
async def inbox(request: HttpRequest, agent_id: str) -> HttpResponse:
    query = Query(request.GET)
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
    messages, unread = await in_thread(read_inbox, wanted)
    return json_response(
        {
            "agent_id": agent_id,
            "messages": [present_message(message, agent_id) for message in messages],
            "count": len(messages),
            "unread_remaining": unread,
            "next_cursor": INBOX_ORDER.cursor(messages, wanted.limit),
        }
    )


class MessageReadMark(APIView):
    failure = "Failed to fetch messages"

    def post(self, request: Request, message_id: str) -> Response:
        mark_one_read(path_uuid(message_id), ReaderInput.read(request.data)["agent_id"])
        return Response({"success": True})
