"""What an agent is to do, and how far it is."""

import uuid
from typing import Annotated, Literal

import msgspec

from dcm.lib.body import NonEmpty
from dcm.mcp.caller import Caller
from dcm.mcp.tool import Call, SessionCall, tool
from routing.keywords import extract_keywords
from routing.selectors import suggest_tools as best_tools
from sessions_app.agents import agents as known_agents
from sessions_app.briefs import generate_brief
from sessions_app.services.progress import report_progress as note_progress

MOST_AGENTS = 100


class BriefCall(SessionCall, kw_only=True):
    max_tokens: Annotated[int, msgspec.Meta(ge=100, le=8000)] = 2000


@tool(
    BriefCall,
    "What you should know now: your tasks, unread messages, blockers, questions, decisions, recent"
    " work. Read it first, and after a compaction.",
    reads=True,
)
def brief(caller: Caller, given: BriefCall) -> str:
    agent_id = caller.agent(given.agent_id)
    found = generate_brief(
        agent_id=agent_id,
        session_id=caller.working_session(agent_id, given.session_id),
        max_tokens=given.max_tokens,
    )
    return found.content


class ProgressCall(Call, kw_only=True):
    summary: NonEmpty
    status: Literal["running", "paused", "blocked", "completed", "failed"] = "running"
    subtask_id: (
        Annotated[uuid.UUID, msgspec.Meta(description="Default: the subtask you are at work on")]
        | None
    ) = None


@tool(ProgressCall, "Tell everyone how far you are, and set the status of your subtask.")
def report_progress(caller: Caller, given: ProgressCall) -> object:
    subtask = note_progress(
        agent_id=caller.agent(given.agent_id),
        summary=given.summary,
        status=given.status,
        subtask_id=given.subtask_id,
    )
    return {"told": "everyone", "subtask_id": subtask and subtask.id}


class AgentsCall(Call, kw_only=True):
    pass


@tool(AgentsCall, "Who is there: agents online or at work lately, and what they do.", reads=True)
def agents(caller: Caller, given: AgentsCall) -> object:
    return {"agents": known_agents()[:MOST_AGENTS]}


class SuggestCall(Call, kw_only=True):
    task: Annotated[NonEmpty, msgspec.Meta(description="What you are about to do")]


@tool(SuggestCall, "Which tools did best for work like this, best first.", reads=True)
def suggest_tools(caller: Caller, given: SuggestCall) -> object:
    return {"suggestions": best_tools(keywords=extract_keywords(given.task))}
