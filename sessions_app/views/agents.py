from typing import Any

from dcm.lib.api import Query
from dcm.lib.joined import joined_view
from sessions_app.agents import agents
from sessions_app.views.coordinator import AgentNotFound


@joined_view(failure="Failed to fetch agents")
def list_agents(query: Query) -> dict[str, Any]:
    found = agents()
    return {"agents": found, "count": len(found)}


@joined_view(failure="Failed to fetch agent")
def show_agent(query: Query, agent_id: str) -> dict[str, Any]:
    found = agents(agent_id)
    if not found:
        raise AgentNotFound
    return {"agent": found[0]}
