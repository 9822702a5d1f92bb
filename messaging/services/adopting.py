"""Messages, subscriptions and blocks of another service, taken in as they were."""

from dcm.lib.adopting import Adoption
from projects.services.adopting import with_project_ids

MESSAGES = Adoption(
    table="messaging_message",
    columns={
        "id": "uuid",
        "project_id": "uuid",
        "from_agent": "text",
        "to_agent": "text",
        "message_type": "text",
        "topic": "text",
        "content": "jsonb",
        "priority": "int",
        "read_by": "text[]",
        "created_at": "timestamptz",
        "expires_at": "timestamptz",
    },
    prepare=with_project_ids,
)

SUBSCRIPTIONS = Adoption(
    table="messaging_subscription",
    columns={
        "id": "uuid",
        "agent_id": "text",
        "topic": "text",
        "callback_url": "text",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
    },
    unique=(("agent_id", "topic"), ("id",)),
)

BLOCKS = Adoption(
    table="messaging_block",
    columns={
        "id": "uuid",
        "blocked_by": "text",
        "blocked_agent": "text",
        "reason": "text",
        "created_at": "timestamptz",
    },
    unique=(("blocked_by", "blocked_agent"), ("id",)),
)
