"""What requests about claims and leases are asked with."""

from dcm.lib.openapi import CURSOR, PAGE, STRING, UUID, in_query

HELD = [
    *PAGE,
    CURSOR,
    in_query("project_id", UUID, "Of this project."),
    in_query("agent_id", STRING, "Held by this agent."),
    in_query("session_id", STRING, "Held in this session."),
]
"""Of a list."""

ONLY_OF = in_query("agent_id", STRING, "Only if this agent holds it.")
"""Of whoever gives something back."""
