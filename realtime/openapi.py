"""Tokens in the OpenAPI document. Contract: rest 5.14."""

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from dcm.lib.openapi import operation, shape
from realtime.views import Token

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
