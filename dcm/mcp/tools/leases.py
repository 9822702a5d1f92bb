"""Who may edit what."""

from typing import Annotated, Any

import msgspec

from dcm.lib.body import NonEmpty
from dcm.mcp.caller import Caller
from dcm.mcp.tool import SessionCall, tool
from projects.models import Lease
from projects.services.leases import LONGEST_TTL_SECONDS, TTL_SECONDS, release_leases, take_leases

MOST_PATTERNS = 50
MOST_LEASES = 100


class ProjectCall(SessionCall, kw_only=True):
    project: (
        Annotated[NonEmpty, msgspec.Meta(description="Its path. Default: of your session")] | None
    ) = None


class ReserveCall(ProjectCall, kw_only=True):
    paths: Annotated[
        list[NonEmpty],
        msgspec.Meta(min_length=1, max_length=MOST_PATTERNS, description="Such as src/api/**"),
    ]
    reason: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    shared: Annotated[bool, msgspec.Meta(description="With others who reserve it shared")] = False
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_TTL_SECONDS)] = TTL_SECONDS


@tool(
    ReserveCall,
    "Keep other agents from editing these paths for a while: all of them, or none. Refused with who"
    " holds what.",
)
def reserve(caller: Caller, given: ReserveCall) -> object:
    agent_id = caller.agent(given.agent_id)
    taken = take_leases(
        project_id=caller.project(given.project, agent_id, given.session_id).id,
        agent_id=agent_id,
        patterns=given.paths,
        session_id=given.session_id or caller.session_id,
        is_shared=given.shared,
        reason=given.reason,
        ttl_seconds=given.ttl_seconds,
    )
    return {"leases": [_shown(lease) for lease in taken]}


class ReleaseCall(ProjectCall, kw_only=True):
    paths: Annotated[
        list[NonEmpty], msgspec.Meta(max_length=MOST_PATTERNS, description="All by default")
    ] = []


@tool(ReleaseCall, "Give back what you reserved, also by editing.")
def release(caller: Caller, given: ReleaseCall) -> object:
    agent_id = caller.agent(given.agent_id)
    released = release_leases(
        project_id=caller.project(given.project, agent_id, given.session_id).id,
        agent_id=agent_id,
        patterns=given.paths or None,
    )
    return {"released": [lease.pattern for lease in released]}


@tool(ProjectCall, "Which paths of the project are reserved, by whom and until when.", reads=True)
def leases(caller: Caller, given: ProjectCall) -> object:
    project = caller.project(
        given.project, given.agent_id or caller.agent_id or "", given.session_id
    )
    held = Lease.objects.live().filter(project=project).order_by("-created_at", "id")
    return {"leases": [_shown(lease) for lease in held[:MOST_LEASES]]}


def _shown(lease: Lease) -> dict[str, Any]:
    return {
        "path": lease.pattern,
        "by": lease.agent_id,
        "until": lease.expires_at,
        "token": lease.token,
        **({"shared": True} if lease.is_shared else {}),
        **({"reason": lease.reason} if lease.reason else {}),
    }
