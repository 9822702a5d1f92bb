from typing import Any

from django.http import HttpRequest, HttpResponse

from dcm.dashboard.drawing.graph import graph
from dcm.dashboard.live import WATCHER
from dcm.dashboard.pages import change, done, page, show
from dcm.dashboard.selectors import agents as selectors
from dcm.dashboard.selectors import held
from dcm.lib.api import Query, path_uuid
from dcm.lib.errors import NotFound
from dcm.monitoring.hooks import health_now as hook_health
from messaging.models import Agent
from messaging.services.blocking import unblock
from sessions_app.agents import agents as known_agents


class NoAgent(NotFound):
    message = "Which agent? The address lacks its id"


@page
def agents(request: HttpRequest) -> HttpResponse:
    blocks = selectors.blocks()
    shown = {
        "agents": sorted((a for a in known_agents() if not _is_watcher(a)), key=_newest_first),
        "blocks": blocks,
        "drawn": graph([(each.blocked_agent, each.blocked_by) for each in blocks]),
        "hooks": hook_health(),
    }
    return show(request, "agents.html", shown)


@page
def agent(request: HttpRequest) -> HttpResponse:
    agent_id = Query(request.GET).text("id")
    if agent_id is None:
        raise NoAgent
    known = known_agents(agent_id)
    shown = {
        "agent_id": agent_id,
        "agent": known[0] if known else None,
        "blocks": selectors.blocks(agent_id),
        "inbox": list(selectors.inbox(agent_id)),
        "work": selectors.work(agent_id),
        "calls": selectors.calls(agent_id),
        "leases": held.leases(agent_id=agent_id),
        "claims": held.claims(agent_id=agent_id),
    }
    return show(request, "agents/one.html", shown)


@change("messaging.change_block")
def end_block(request: HttpRequest) -> HttpResponse:
    """Let the agent go on."""
    block = unblock(path_uuid(request.POST.get("block", ""), "block"))
    return done(request, "agents", f"{block.blocked_agent} may go on")


def _newest_first(agent: dict[str, Any]) -> tuple[bool, float]:
    """Who is there, works or stands still; then who was seen last."""
    is_live = (
        agent["online"]
        or agent["state"] in {Agent.State.WORKING, Agent.State.WAITING}
        or agent["current_subtask"] is not None
        or agent["is_blocked"]
    )
    seen_at = agent["last_seen_at"]
    return not is_live, -seen_at.timestamp() if seen_at else 0.0


def _is_watcher(agent: dict[str, Any]) -> bool:
    """Somebody at one of our own pages is no agent."""
    return agent["agent_id"] == WATCHER and agent["agent_type"] is None
