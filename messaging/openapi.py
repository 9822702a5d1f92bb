"""Messages, subscriptions and blocks in the OpenAPI document. Contract: rest 5.10 to 5.12."""

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter, extend_schema_view
from rest_framework import serializers

from dcm.lib.api import JsonObject, Moment, Uuid
from dcm.lib.openapi import (
    CURSOR,
    FLAG,
    PAGE,
    STRING,
    TIME,
    UNTIL,
    UUID,
    Json,
    TextField,
    in_path,
    in_query,
    next_page,
    operation,
    page_of,
    shape,
    success,
)
from messaging.models import Delivery
from messaging.serializers import (
    BlockInput,
    BlockOutput,
    DeliveryOutput,
    ReaderInput,
    SubscriptionInput,
    SubscriptionOutput,
    UnblockInput,
    UnsubscribeInput,
    Url,
)
from messaging.views.blocking import Blocking, BlockingCheck, BlockingOf, Unblock
from messaging.views.deliveries import Acknowledgement, Deliveries, OneDelivery
from messaging.views.messages import (
    MOST_MESSAGES,
    MessageBody,
    MessageReadMark,
    inbox,
    post_message,
)
from messaging.views.subscriptions import Subscribe, Subscriptions, SubscriptionsOf, Unsubscribe


class UrlField(TextField):
    target_class = Url
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"type": "string", "format": "uri"}


AN_AGENT = in_path("agent_id", STRING, "The agent.")

# --- messages ---------------------------------------------------------------------------------

MessageReceipt = shape(
    "MessageReceipt",
    id=Uuid(),
    from_agent=serializers.CharField(),
    to_agent=serializers.CharField(allow_null=True),
    topic=serializers.CharField(),
    priority=serializers.IntegerField(),
    created_at=Moment(),
    expires_at=Moment(),
    is_broadcast=serializers.BooleanField(),
)

Queued = shape(
    "QueuedDelivery",
    message_id=Uuid(),
    agent_id=serializers.CharField(),
    number=serializers.IntegerField(help_text="Among the messages to it from this agent."),
    is_crossed=serializers.BooleanField(
        help_text="Whether this agent had not yet seen a message from there."
    ),
    state=serializers.ChoiceField(["queued", "dead"]),
    reason=serializers.CharField(allow_null=True),
)

operation(
    "sendMessage",
    "Send a message to one agent, to several, or to all",
    tag="Messages",
    description="`to_agent` is an agent's id; without it the message is for everybody. `to` is an"
    " address: `@quiet-otter`, `type:reviewer`, `session:<id>`, `project`, or an id or a name; of"
    " several agents that it means each gets a message of its own, and `message` is the first."
    " `in_reply_to` acknowledges the message that it names.",
    body=MessageBody,
    replies={
        201: shape(
            "MessageReply",
            success=success(),
            message=MessageReceipt(),
            deliveries=Queued(many=True),
        )
    },
    errors={
        400: "Which project? Give project_id",
        404: "No agent is called quiet-otter in this project",
    },
)(post_message)

AGENT_OF_DELIVERY = {404: "Message not found"}

extend_schema_view(
    get=operation(
        "listDeliveries",
        "How far messages have come, newest first",
        tag="Messages",
        description="Of messages to one agent each. A week is kept, also of those that expired.",
        parameters=[
            *PAGE,
            CURSOR,
            in_query("from_agent", STRING, "Sent by this agent."),
            in_query("to_agent", STRING, "Sent to this agent."),
            in_query(
                "state",
                {"type": "string", "enum": ["any", *Delivery.State.values]},
                "In this state.",
                default="any",
            ),
        ],
        replies={200: page_of("DeliveryList", "deliveries", DeliveryOutput, cursor=True)},
    )
)(Deliveries)

extend_schema_view(
    get=operation(
        "getDelivery",
        "How far a message has come",
        tag="Messages",
        description="queued; injected, put before its agent by the reply to a hook; seen, as a"
        " later hook shows, or read from the inbox; acknowledged; or dead, when the agent ended"
        " before.",
        parameters=[in_path("message_id", UUID, "The message.")],
        replies={200: shape("DeliveryReply", delivery=DeliveryOutput())},
        errors=AGENT_OF_DELIVERY,
    )
)(OneDelivery)

extend_schema_view(
    post=operation(
        "acknowledgeMessage",
        "Tell the sender of a message that its agent took note",
        tag="Messages",
        parameters=[in_path("message_id", UUID, "The message.")],
        body=ReaderInput,
        replies={200: shape("AcknowledgedReply", success=success(), delivery=DeliveryOutput())},
        errors=AGENT_OF_DELIVERY,
    )
)(Acknowledgement)

InboxMessage = shape(
    "InboxMessage",
    id=Uuid(),
    from_agent=serializers.CharField(allow_null=True),
    to_agent=serializers.CharField(allow_null=True),
    topic=serializers.CharField(allow_null=True),
    content=JsonObject(),
    priority=serializers.IntegerField(),
    is_broadcast=serializers.BooleanField(),
    already_read=serializers.BooleanField(help_text="As it was before this reply."),
    created_at=Moment(),
    expires_at=Moment(allow_null=True),
    from_agent_id=serializers.CharField(help_text="from_agent again.", allow_null=True),
    to_agent_id=serializers.CharField(help_text="to_agent again.", allow_null=True),
    message_type=serializers.CharField(),
    payload=JsonObject(help_text="content again."),
    read_by=serializers.ListField(child=serializers.CharField()),
)

operation(
    "readMessages",
    "An agent's messages and the broadcasts, most urgent first",
    tag="Messages",
    description="Marks what it returns as read, unless `mark_read` is false.",
    parameters=[
        AN_AGENT,
        in_query("since", TIME, "After this moment."),
        UNTIL,
        in_query("topic", STRING, "On this topic."),
        in_query("include_broadcasts", FLAG, "With messages to all.", default=True),
        in_query("unread_only", FLAG, "Without those that the agent has read.", default=False),
        in_query("mark_read", FLAG, "Whether they are read now.", default=True),
        in_query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_MESSAGES},
            "How many.",
            default=100,
        ),
        next_page(
            "WzUsIjIwMjYtMDMtMDRUMDU6MDY6MDcuMDg5MDAwKzAwOjAwIiw"
            "iMGI3YzlmN2UtNWE1NC00YTUzLTlhMGUtMGM2ZjVmOWQxYjExIl0"
        ),
    ],
    replies={
        200: shape(
            "Inbox",
            agent_id=serializers.CharField(),
            messages=InboxMessage(many=True),
            count=serializers.IntegerField(),
            unread_remaining=serializers.IntegerField(),
            next_cursor=serializers.CharField(allow_null=True),
        )
    },
)(inbox)

extend_schema_view(
    post=operation(
        "markMessageRead",
        "Mark one message as read by an agent",
        tag="Messages",
        parameters=[in_path("message_id", UUID, "The message.")],
        body=ReaderInput,
        replies={200: shape("Success", success=success())},
        errors={404: "Message not found"},
    )
)(MessageReadMark)

# --- subscriptions ----------------------------------------------------------------------------

DeletedSubscription = shape(
    "DeletedSubscription",
    id=Uuid(),
    agent_id=serializers.CharField(),
    topic=serializers.CharField(),
)
Deleted = shape("DeletedSubscriptionReply", success=success(), deleted=DeletedSubscription())
NO_SUBSCRIPTION = {404: "Subscription not found"}

extend_schema_view(
    post=operation(
        "subscribe",
        "Subscribe an agent to a topic",
        tag="Subscriptions",
        description="Broadcasts on it reach the agent's channel, too.",
        body=SubscriptionInput,
        replies={
            201: shape("SubscriptionReply", success=success(), subscription=SubscriptionOutput())
        },
    )
)(Subscribe)

extend_schema_view(
    post=operation(
        "unsubscribe",
        "End an agent's subscription to a topic",
        tag="Subscriptions",
        body=UnsubscribeInput,
        replies={200: Deleted},
        errors=NO_SUBSCRIPTION,
    )
)(Unsubscribe)

extend_schema_view(
    get=operation(
        "listSubscriptions",
        "Subscriptions, newest first",
        tag="Subscriptions",
        parameters=[
            in_query("agent_id", STRING, "Of this agent."),
            in_query("topic", STRING, "To this topic."),
        ],
        replies={
            200: shape(
                "SubscriptionList",
                subscriptions=SubscriptionOutput(many=True),
                count=serializers.IntegerField(),
            )
        },
    )
)(Subscriptions)

extend_schema_view(
    get=operation(
        "listSubscriptionsOfAgent",
        "An agent's subscriptions, by topic",
        tag="Subscriptions",
        parameters=[in_path("key", STRING, "The agent.")],
        replies={
            200: shape(
                "SubscriptionsOfAgent",
                agent_id=serializers.CharField(),
                subscriptions=SubscriptionOutput(many=True),
                topics=serializers.ListField(child=serializers.CharField()),
                count=serializers.IntegerField(),
            )
        },
    ),
    delete=operation(
        "deleteSubscription",
        "End one subscription",
        tag="Subscriptions",
        parameters=[in_path("key", UUID, "The subscription's own id.")],
        replies={200: Deleted},
        errors=NO_SUBSCRIPTION,
    ),
)(SubscriptionsOf)

# --- blocks -----------------------------------------------------------------------------------


class EndedBlock(BlockOutput):
    class Meta(BlockOutput.Meta):
        fields = [name for name in BlockOutput.Meta.fields if name != "created_at"]


Unblocked = shape("UnblockReply", success=success(), unblocked=EndedBlock())
NO_BLOCK = {404: "Blocking record not found"}
SINCE_WHEN = {"id": Uuid(), "reason": serializers.CharField(allow_null=True), "since": Moment()}

extend_schema_view(
    post=operation(
        "blockAgent",
        "Ask an agent to wait for another",
        tag="Blocking",
        description="Advisory: no route refuses anything because of it.",
        body=BlockInput,
        replies={201: shape("BlockReply", success=success(), blocking=BlockOutput())},
        errors={400: "An agent cannot block itself"},
    )
)(Blocking)

extend_schema_view(
    get=operation(
        "getBlocking",
        "Who blocks an agent, and whom it blocks",
        tag="Blocking",
        parameters=[in_path("key", STRING, "The agent.")],
        replies={
            200: shape(
                "BlockSummary",
                agent_id=serializers.CharField(),
                is_blocked=serializers.BooleanField(),
                blocked_by=shape("Blocker", by_agent=serializers.CharField(), **SINCE_WHEN)(
                    many=True
                ),
                is_blocking=serializers.BooleanField(),
                blocking=shape("BlockedAgent", agent=serializers.CharField(), **SINCE_WHEN)(
                    many=True
                ),
                summary=shape(
                    "BlockCounts",
                    blocked_by_count=serializers.IntegerField(),
                    blocking_count=serializers.IntegerField(),
                )(),
            )
        },
    ),
    delete=operation(
        "deleteBlock",
        "End one block",
        tag="Blocking",
        parameters=[in_path("key", UUID, "The block's own id.")],
        replies={200: Unblocked},
        errors=NO_BLOCK,
    ),
)(BlockingOf)


def _names(name: str, *aliases: str) -> list[OpenApiParameter]:
    return [
        in_query(name, STRING, f"The {name}."),
        *(in_query(alias, STRING, f"Another name of `{name}`.") for alias in aliases),
    ]


extend_schema_view(
    get=operation(
        "checkBlocking",
        "Whether one agent blocks another, or whether anyone blocks an agent",
        tag="Blocking",
        description="Send `blocker` and `blocked`, or `agent_id` alone.",
        parameters=[
            *_names("blocker", "blocker_id", "blocker_agent_id", "blocked_by"),
            *_names("blocked", "blocked_id", "blocked_agent_id", "blocked_agent"),
            in_query("agent_id", STRING, "The agent, when nobody else is named."),
        ],
        replies={
            200: shape(
                "BlockingCheck",
                blocker=serializers.CharField(required=False),
                blocked=serializers.CharField(required=False),
                agent_id=serializers.CharField(required=False),
                is_blocked=serializers.BooleanField(),
            )
        },
        errors={400: "Missing required query params: blocker and blocked"},
    )
)(BlockingCheck)

extend_schema_view(
    post=operation(
        "unblockAgent",
        "End the block between two agents",
        tag="Blocking",
        body=UnblockInput,
        replies={200: Unblocked},
        errors=NO_BLOCK,
    )
)(Unblock)
