"""Tool calls, and what tools are good for."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    ActionResult,
    Batch,
    Feedback,
    Found,
    HourOfActions,
    Json,
    RoutingStats,
    Suggestion,
)
from dcm_client.routes.forms import delete, get, listed, post


class ActionRoutes:
    @route
    def record_action(
        self,
        tool_name: str,
        tool_type: str = "builtin",
        *,
        input: str | None = None,  # noqa: A002  the name on the wire
        output: str | None = None,
        exit_code: int | None = None,
        duration_ms: int | None = None,
        file_paths: Sequence[str] | None = None,
        subtask_id: str | None = None,
        session_id: str | None = None,
        project_path: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> Call[ActionResult]:
        """id: a UUID of yours, so that recording it again changes nothing."""
        return post(
            "/api/actions",
            ActionResult,
            "action",
            repeatable=True,  # by its id
            id=id or str(uuid.uuid4()),
            tool_name=tool_name,
            tool_type=tool_type,
            input=input,
            output=output,
            exit_code=exit_code,
            duration_ms=duration_ms,
            file_paths=file_paths,
            subtask_id=subtask_id,
            session_id=session_id,
            project_path=project_path,
        )

    @route
    def record_actions(self, actions: Sequence[Json]) -> Call[Batch]:
        """Up to 1,000 at once, each with the members of record_action()."""
        identified = [{"id": str(uuid.uuid4()), **action} for action in actions]
        return post("/api/actions/batch", Batch, repeatable=True, actions=identified)

    @route
    def get_action(self, action_id: str) -> Call[ActionResult]:
        return get(path("actions", action_id), ActionResult, "action")

    @listing
    def get_actions(
        self,
        *,
        tool_name: str | None = None,
        tool_type: str | None = None,
        session_id: str | None = None,
        subtask_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Listing[ActionResult]:
        """Newest first."""
        query = given(
            tool_name=tool_name,
            tool_type=tool_type,
            session_id=session_id,
            subtask_id=subtask_id,
            since=since,
            until=until,
        )
        return listed("/api/actions", "actions", ActionResult, limit, **query)

    @route
    def get_actions_hourly(self) -> Call[list[HourOfActions]]:
        return get("/api/actions/hourly", list[HourOfActions], "data")

    @route
    def delete_action(self, action_id: str) -> Call[None]:
        return delete(path("actions", action_id))

    @route
    def delete_actions_by_session(self, session_id: str) -> Call[int]:
        """How many there were."""
        return delete(path("actions", "by-session", session_id), int, "deleted_count")

    @listing
    def search(
        self,
        text: str,
        *,
        kinds: Sequence[str] | None = None,
        project_id: str | None = None,
        session_id: str | None = None,
        agent_id: str | None = None,
        reader: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Listing[Found]:
        """What was asked, done, said, shared or decided with these words in it, best first.

        reader: whose direct messages are found, too.
        """
        query = given(
            q=text,
            kinds=kinds,
            project_id=project_id,
            session_id=session_id,
            agent_id=agent_id,
            reader=reader,
            since=since,
            until=until,
        )
        return listed("/api/search", "results", Found, limit, **query)

    @route
    def suggest_tool(
        self,
        keywords: Sequence[str],
        *,
        limit: int | None = None,
        min_score: float | None = None,
        tool_type: str | None = None,
        project_id: str | None = None,
        explain: bool = False,
    ) -> Call[list[Suggestion]]:
        """Best first; with a project, those of that project if it has any."""
        query = given(
            keywords=list(keywords),
            limit=limit,
            min_score=min_score,
            tool_type=tool_type,
            project_id=project_id,
            explain=explain or None,
        )
        return get("/api/routing/suggest", list[Suggestion], "suggestions", **query)

    @route
    def routing_feedback(
        self,
        tool_name: str,
        keywords: Sequence[str],
        chosen: bool,
        project_id: str | None = None,
    ) -> Call[Feedback]:
        body = given(
            tool_name=tool_name, keywords=list(keywords), chosen=chosen, project_id=project_id
        )
        return post("/api/routing/feedback", Feedback, **body)

    @route
    def get_routing_stats(self) -> Call[RoutingStats]:
        return get("/api/routing/stats", RoutingStats)
