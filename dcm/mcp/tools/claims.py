"""Work that agents take by themselves."""

import uuid
from typing import Annotated, Any

import msgspec

from dcm.lib.body import NonEmpty
from dcm.mcp.caller import Caller, NoProject
from dcm.mcp.tool import SessionCall, tool
from projects.models import Claim
from projects.selectors import waiting_for
from projects.services.claims import Wish, count_waiting, release_claim
from projects.services.claims import claim_next as claim_next_subtask


class ClaimCall(SessionCall, kw_only=True):
    project: (
        Annotated[NonEmpty, msgspec.Meta(description="Its path. Default: of your session, or any")]
        | None
    ) = None
    request_id: uuid.UUID | None = None
    agent_types: Annotated[
        list[NonEmpty], msgspec.Meta(description="What kinds of work you do; any by default")
    ] = []


@tool(
    ClaimCall,
    "Take the next subtask that nothing stands in the way of: it is yours alone while you are heard"
    " of. Call report_progress with its id as you go on, and when it is completed.",
)
def claim_next(caller: Caller, given: ClaimCall) -> object:
    agent_id = caller.agent(given.agent_id)
    wish = Wish(
        agent_id=agent_id,
        project_id=_project_id(caller, given, agent_id),
        request_id=given.request_id,
        agent_types=given.agent_types or None,
    )
    claim = claim_next_subtask(wish, session_id=given.session_id or caller.session_id)
    waiting = count_waiting(wish)
    return (
        _claimed(claim) | {"waiting": waiting} if claim else {"subtask": None, "waiting": waiting}
    )


def _project_id(caller: Caller, given: ClaimCall, agent_id: str) -> uuid.UUID | None:
    if given.project is None and given.request_id is not None:
        return None
    try:
        return caller.project(given.project, agent_id, given.session_id).id
    except NoProject:
        return None


def _claimed(claim: Claim) -> dict[str, Any]:
    subtask = claim.subtask
    return {
        "subtask": {
            "id": subtask.id,
            "description": subtask.description,
            "agent_type": subtask.agent_type,
            "request": subtask.task.request.prompt,
            "context": subtask.context_snapshot,
        },
        "expires_at": claim.expires_at,
        "token": claim.token,
        "unblocks": [each["description"] for each in waiting_for(subtask.id) if each["is_last"]],
    }


class GiveBackCall(SessionCall, kw_only=True):
    subtask_id: uuid.UUID


@tool(GiveBackCall, "Give a claimed subtask back, so that others may do it.")
def give_back(caller: Caller, given: GiveBackCall) -> object:
    released = release_claim(given.subtask_id, agent_id=caller.agent(given.agent_id))
    return {"subtask_id": released.subtask_id}
