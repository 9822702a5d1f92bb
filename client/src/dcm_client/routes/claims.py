"""Subtasks that agents claim."""

from collections.abc import Sequence

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    Claim,
    Claimed,
)
from dcm_client.routes.forms import listed, patch, post


class ClaimRoutes:
    @route
    def claim_next(
        self,
        agent_id: str,
        *,
        project_id: str | None = None,
        request_id: str | None = None,
        of_session: str | None = None,
        agent_types: Sequence[str] | None = None,
        session_id: str | None = None,
        ttl_seconds: int | None = None,
    ) -> Call[Claimed]:
        """The next subtask that nothing stands in the way of. session_id: the agent's own."""
        return post(
            "/api/claims",
            Claimed,
            agent_id=agent_id,
            project_id=project_id,
            request_id=request_id,
            of_session=of_session,
            agent_types=agent_types,
            session_id=session_id,
            ttl_seconds=ttl_seconds,
        )

    @listing
    def list_claims(
        self,
        *,
        project_id: str | None = None,
        agent_id: str | None = None,
        session_id: str | None = None,
        limit: int | None = None,
    ) -> Listing[Claim]:
        """Those that are held, newest first."""
        query = given(project_id=project_id, agent_id=agent_id, session_id=session_id)
        return listed("/api/claims", "claims", Claim, limit, **query)

    @route
    def renew_claim(
        self, subtask_id: str, agent_id: str, ttl_seconds: int | None = None
    ) -> Call[Claim]:
        body = given(agent_id=agent_id, ttl_seconds=ttl_seconds)
        return patch(path("claims", subtask_id), Claim, "claim", **body)

    @route
    def release_claim(self, subtask_id: str, agent_id: str | None = None) -> Call[Claim]:
        """Others may claim the subtask. agent_id: only if this agent holds it."""
        return Call(
            method="DELETE",
            path=path("claims", subtask_id),
            result=Claim,
            under="released",
            query=given(agent_id=agent_id),
        )
