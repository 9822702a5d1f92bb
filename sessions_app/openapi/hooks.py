"""Hook events in the OpenAPI document."""

from dcm.lib.openapi import (
    OBJECT,
    Json,
    operation,
)
from sessions_app.views.hooks import claude_code

LABEL: Json = {"type": "string", "minLength": 1, "maxLength": 512}

operation(
    "takeHookEvent",
    "An event of the agent host's hooks, as the host sends it",
    tag="Hooks",
    description="Unknown events and fields are taken and ignored. The reply is a hook output. "
    "A `timestamp` of more than a minute ago is when the event happened.",
    body={
        "type": "object",
        "properties": {"hook_event_name": LABEL, "session_id": LABEL},
        "required": ["hook_event_name", "session_id"],
        "additionalProperties": {},
    },
    replies={200: OBJECT},
)(claude_code)
