"""Sessions, briefs, compactions, hooks."""

from datetime import UTC, datetime

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    Compaction,
    CompactStatus,
    Context,
    Generated,
    HookHealth,
    Json,
    Restored,
    Session,
    SessionStats,
)
from dcm_client.routes.forms import delete, get, listed, patch, post


class SessionRoutes:
    @route
    def create_session(
        self,
        session_id: str,
        project_id: str | None = None,
        *,
        started_at: datetime | None = None,
    ) -> Call[Session]:
        """Raises Conflict when it is there."""
        body = given(id=session_id, project_id=project_id, started_at=started_at)
        return post("/api/sessions", Session, **body)

    @route
    def get_session(self, session_id: str) -> Call[Session]:
        return get(path("sessions", session_id), Session)

    @listing
    def list_sessions(
        self,
        *,
        project_id: str | None = None,
        active_only: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Listing[Session]:
        """Latest start first."""
        query = given(project_id=project_id, active_only=active_only, since=since, until=until)
        return listed("/api/sessions", "sessions", Session, limit, **query)

    @route
    def update_session(
        self,
        session_id: str,
        *,
        ended_at: datetime | None = None,
        total_tools_used: int | None = None,
        total_success: int | None = None,
        total_errors: int | None = None,
    ) -> Call[Session]:
        return patch(
            path("sessions", session_id),
            Session,
            ended_at=ended_at,
            total_tools_used=total_tools_used,
            total_success=total_success,
            total_errors=total_errors,
        )

    @route
    def end_session(self, session_id: str) -> Call[Session]:
        return patch(path("sessions", session_id), Session, ended_at=datetime.now(UTC))

    @route
    def delete_session(self, session_id: str) -> Call[None]:
        return delete(path("sessions", session_id))

    @route
    def get_session_stats(self) -> Call[SessionStats]:
        return get("/api/sessions/stats", SessionStats)

    @route
    def get_context(
        self,
        agent_id: str,
        *,
        session_id: str | None = None,
        agent_type: str | None = None,
        max_tokens: int | None = None,
        since: str | None = None,
    ) -> Call[Context]:
        """What the agent should know now. since: the `position` of an earlier one, for news."""
        query = given(
            session_id=session_id, agent_type=agent_type, max_tokens=max_tokens, since=since
        )
        return get(path("context", agent_id), Context, **query)

    @route
    def get_raw_context(self, agent_id: str, *, session_id: str | None = None) -> Call[Json]:
        """The same as data."""
        return get(path("context", agent_id), Json, format="raw", session_id=session_id)

    @route
    def generate_context(
        self,
        agent_id: str,
        session_id: str,
        *,
        agent_type: str | None = None,
        max_tokens: int | None = None,
        include_history: bool | None = None,
        history_limit: int | None = None,
    ) -> Call[Generated]:
        return post(
            "/api/context/generate",
            Generated,
            agent_id=agent_id,
            session_id=session_id,
            agent_type=agent_type,
            max_tokens=max_tokens,
            include_history=include_history,
            history_limit=history_limit,
        )

    @route
    def restore_after_compact(
        self,
        session_id: str,
        agent_id: str,
        summary: str | None = None,
        *,
        agent_type: str | None = None,
        max_tokens: int | None = None,
    ) -> Call[Restored]:
        return post(
            "/api/compact/restore",
            Restored,
            session_id=session_id,
            agent_id=agent_id,
            compact_summary=summary,
            agent_type=agent_type,
            max_tokens=max_tokens,
        )

    @route
    def get_compact_status(self, session_id: str) -> Call[CompactStatus]:
        return get(path("compact", "status", session_id), CompactStatus)

    @listing
    def list_compactions(self, session_id: str, *, limit: int | None = None) -> Listing[Compaction]:
        """Newest first."""
        return listed(path("compact", "history", session_id), "compactions", Compaction, limit)

    @route
    def get_hook_health(self) -> Call[HookHealth]:
        """How long hooks take, and which are missing."""
        return get("/api/hooks/health", HookHealth)
