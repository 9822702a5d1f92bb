"""Files that agents hold."""

from collections.abc import Sequence

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    Lease,
    LeaseCheck,
)
from dcm_client.routes.forms import get, listed, patch, post


class LeaseRoutes:
    @route
    def take_leases(
        self,
        project_id: str,
        agent_id: str,
        patterns: Sequence[str],
        *,
        is_shared: bool | None = None,
        reason: str | None = None,
        ttl_seconds: int | None = None,
        session_id: str | None = None,
    ) -> Call[list[Lease]]:
        """All of these paths, or none: then `reply` of the error tells the `conflicts`."""
        body = given(
            project_id=project_id,
            agent_id=agent_id,
            patterns=patterns,
            is_shared=is_shared,
            reason=reason,
            ttl_seconds=ttl_seconds,
            session_id=session_id,
        )
        return post("/api/leases", list[Lease], "leases", **body)

    @listing
    def list_leases(
        self,
        *,
        project_id: str | None = None,
        agent_id: str | None = None,
        session_id: str | None = None,
        limit: int | None = None,
    ) -> Listing[Lease]:
        """Those that are held, newest first."""
        query = given(project_id=project_id, agent_id=agent_id, session_id=session_id)
        return listed("/api/leases", "leases", Lease, limit, **query)

    @route
    def renew_lease(
        self, lease_id: str, agent_id: str, ttl_seconds: int | None = None
    ) -> Call[Lease]:
        body = given(agent_id=agent_id, ttl_seconds=ttl_seconds)
        return patch(path("leases", lease_id), Lease, "lease", **body)

    @route
    def release_lease(self, lease_id: str, agent_id: str | None = None) -> Call[Lease]:
        """agent_id: only if this agent holds it."""
        return Call(
            method="DELETE",
            path=path("leases", lease_id),
            result=Lease,
            under="released",
            query=given(agent_id=agent_id),
        )

    @route
    def check_leases(
        self,
        project_id: str,
        agent_id: str,
        paths: Sequence[str],
        *,
        session_id: str | None = None,
    ) -> Call[LeaseCheck]:
        """What others hold of these files, 1,000 at most. Takes nothing."""
        body = given(project_id=project_id, agent_id=agent_id, paths=paths, session_id=session_id)
        return post("/api/leases/check", LeaseCheck, repeatable=True, **body)

    @route
    def get_lease_mode(self, project_id: str) -> Call[str]:
        return get(path("leases", "mode", project_id), str, "mode")

    @route
    def set_lease_mode(self, project_id: str, mode: str) -> Call[str]:
        """mode: off, warn or enforce."""
        return Call(
            method="PUT",
            path=path("leases", "mode", project_id),
            result=str,
            under="mode",
            body=given(mode=mode),
        )
