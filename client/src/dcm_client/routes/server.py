"""The server itself, tokens, the event log."""

from collections.abc import Mapping
from typing import Any

from dcm_client.calls import Call, given, path, route
from dcm_client.results import (
    CleanupStats,
    Health,
    Json,
    LoggedEvents,
    Stats,
    Token,
    ToolsSummary,
)
from dcm_client.routes.forms import get, post


class ServerRoutes:
    @route
    def health(self) -> Call[Health]:
        """Raises Overloaded when the database is away; is_healthy() does not."""
        return get("/health", Health)

    @route
    def stats(self) -> Call[Stats]:
        return get("/stats", Stats)

    @route
    def tools_summary(self) -> Call[ToolsSummary]:
        return get("/stats/tools-summary", ToolsSummary)

    @route
    def cleanup_stats(self) -> Call[CleanupStats]:
        return get("/api/cleanup/stats", CleanupStats)

    @route
    def get_token(self, agent_id: str, session_id: str | None = None) -> Call[Token]:
        """For a socket, see EventStream."""
        body = given(agent_id=agent_id, session_id=session_id)
        return post("/api/auth/token", Token, repeatable=True, **body)

    @route
    def get_events(
        self,
        *,
        after: int | str | None = None,
        since: str | None = None,
        channel: str | None = None,
        limit: int = 100,
    ) -> Call[LoggedEvents]:
        """The event log after a number or an event id, or of the last `since`: 10m, 2h, 1d."""
        query = given(after=after, since=since, channel=channel, limit=limit)
        return get("/api/events", LoggedEvents, **query)

    @route
    def send_hook_event(self, event: Mapping[str, Any]) -> Call[Json]:
        """What dcm-hook sends; the reply is for the host."""
        where = path("hooks", "claude-code")
        return Call(method="POST", path=where, result=Json, body=event, is_repeatable=True)
