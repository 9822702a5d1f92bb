"""Tokens and the event log in the OpenAPI document. Contract: rest 5.14."""

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from dcm.lib.openapi import COUNT, STRING, in_query, operation, shape
from realtime.views import MOST_EVENTS, Token, events

extend_schema_view(
    post=operation(
        "createToken",
        "A token with which an agent opens a socket",
        tag="Tokens",
        body={
            "type": "object",
            "properties": {
                "agent_id": {"type": "string", "minLength": 1},
                "session_id": {"description": "Bound to the token if it is a text."},
            },
            "required": ["agent_id"],
        },
        replies={
            200: shape(
                "TokenReply",
                token=serializers.CharField(),
                expires_in=serializers.IntegerField(help_text="Seconds."),
            )
        },
        errors={400: "Missing agent_id"},
    )
)(Token)


CHANNEL = r"^(global|metrics|(agents|sessions|topics)/[^\x00]+)$"

EVENT = shape(
    "Event",
    type=serializers.CharField(help_text="Always `event`."),
    id=serializers.CharField(help_text="`msg_<epoch>_<number>`, the same on every channel."),
    channel=serializers.CharField(),
    event=serializers.CharField(),
    data=serializers.JSONField(),
    timestamp=serializers.IntegerField(help_text="Milliseconds since 1970."),
)

operation(
    "listEvents",
    "Events from the log, oldest first",
    tag="Events",
    parameters=[
        in_query("after", STRING, "A number, or the id of the last event that the reader has."),
        in_query("since", STRING, "An age instead, like 10m.", pattern="^[0-9]{1,6}[smhd]$"),
        in_query("channel", STRING, "Only events on this channel.", pattern=CHANNEL),
        in_query("limit", COUNT, "How many.", minimum=1, maximum=MOST_EVENTS, default=100),
    ],
    replies={
        200: shape(
            "EventList",
            events=EVENT(many=True),
            count=serializers.IntegerField(),
            epoch=serializers.CharField(help_text="Numbers of another epoch mean nothing."),
            head=serializers.IntegerField(help_text="Number of the newest event."),
            recovered=serializers.BooleanField(help_text="False: events before these are gone."),
            reason=serializers.ChoiceField(
                ["unknown", "epoch", "future", "pruned", "too_far"], required=False
            ),
            next_after=serializers.IntegerField(help_text="Where to read on."),
        )
    },
    errors={400: "Invalid query parameters"},
)(events)
