"""What a list of claims or leases is asked with."""

from dcm.lib.openapi import CURSOR, PAGE, STRING, UUID, in_query

HELD = [
    *PAGE,
    CURSOR,
    in_query("project_id", UUID, "Of this project."),
    in_query("agent_id", STRING, "Held by this agent."),
    in_query("session_id", STRING, "Held in this session."),
]
