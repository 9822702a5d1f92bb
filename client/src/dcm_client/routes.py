"""Every route of the server, once: what is sent, and what comes back.

Names are those of the original SDK where it has the method. Methods that list are iterators, which
fetch page by page.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    ActionResult,
    ActiveAgent,
    Agent,
    Batch,
    Block,
    Blocking,
    CleanupStats,
    Compaction,
    CompactStatus,
    Context,
    Decision,
    Entry,
    Feedback,
    Found,
    Generated,
    Health,
    Hierarchy,
    HourOfActions,
    Json,
    Lease,
    LoggedEvents,
    Message,
    MessageReceipt,
    Project,
    Question,
    Restored,
    RoutingStats,
    SeenAgent,
    Session,
    SessionStats,
    Stats,
    Subscription,
    Subtask,
    Suggestion,
    Task,
    Token,
    ToolsSummary,
    UserRequest,
)


def _get(where: str, result: Any, under: str | None = None, /, **query: Any) -> Call[Any]:
    return Call(method="GET", path=where, result=result, under=under, query=query)


def _post(
    where: str, result: Any, under: str | None = None, /, *, repeatable: bool = False, **body: Any
) -> Call[Any]:
    return Call(
        method="POST",
        path=where,
        result=result,
        under=under,
        body=given(**body),
        is_repeatable=repeatable,
    )


def _patch(where: str, result: Any, under: str | None = None, /, **body: Any) -> Call[Any]:
    return Call(method="PATCH", path=where, result=result, under=under, body=given(**body))


def _delete(
    where: str, result: Any = None, under: str | None = None, /, **headers: str
) -> Call[Any]:
    return Call(method="DELETE", path=where, result=result, under=under, headers=headers)


def _list(
    where: str, name: str, row: type[Any], limit: int | None, /, **query: Any
) -> Listing[Any]:
    return Listing(call=_get(where, Json, **query), name=name, row=row, limit=limit)


def _condition(version: int | None) -> dict[str, str]:
    """The header for: only if it is at this version still; 0: only if there is none."""
    if version is None:
        return {}
    return {"If-None-Match": "*"} if version == 0 else {"If-Match": f'"{version}"'}


class Routes:
    # --- the server -----------------------------------------------------------------------------

    @route
    def health(self) -> Call[Health]:
        """Raises Overloaded when the database is away; is_healthy() does not."""
        return _get("/health", Health)

    @route
    def stats(self) -> Call[Stats]:
        return _get("/stats", Stats)

    @route
    def tools_summary(self) -> Call[ToolsSummary]:
        return _get("/stats/tools-summary", ToolsSummary)

    @route
    def cleanup_stats(self) -> Call[CleanupStats]:
        return _get("/api/cleanup/stats", CleanupStats)

    @route
    def get_token(self, agent_id: str, session_id: str | None = None) -> Call[Token]:
        """For a socket, see EventStream."""
        body = given(agent_id=agent_id, session_id=session_id)
        return _post("/api/auth/token", Token, repeatable=True, **body)

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
        return _get("/api/events", LoggedEvents, **query)

    @route
    def send_hook_event(self, event: Mapping[str, Any]) -> Call[Json]:
        """What dcm-hook sends; the reply is for the host."""
        where = path("hooks", "claude-code")
        return Call(method="POST", path=where, result=Json, body=event, is_repeatable=True)

    # --- projects and requests ------------------------------------------------------------------

    @route
    def create_project(
        self, project_path: str, name: str | None = None, metadata: Json | None = None
    ) -> Call[Project]:
        """Or update the one of this path."""
        body = given(path=project_path, name=name, metadata=metadata)
        return _post("/api/projects", Project, "project", **body)

    @route
    def get_project(self, project_id: str) -> Call[Project]:
        return _get(path("projects", project_id), Project, "project")

    @route
    def get_project_by_path(self, project_path: str) -> Call[Project]:
        return _get("/api/projects/by-path", Project, "project", path=project_path)

    @listing
    def list_projects(self, *, limit: int | None = None) -> Listing[Project]:
        """Newest change first."""
        return _list("/api/projects", "projects", Project, limit)

    @route
    def delete_project(self, project_id: str) -> Call[None]:
        return _delete(path("projects", project_id))

    @route
    def get_hierarchy(self, project_id: str) -> Call[Hierarchy]:
        return _get(path("hierarchy", project_id), Hierarchy)

    @route
    def get_active_agents(self) -> Call[list[ActiveAgent]]:
        return _get("/api/active-sessions", list[ActiveAgent], "active_agents")

    @route
    def get_agents(self) -> Call[list[SeenAgent]]:
        """Those that are connected first."""
        return _get("/api/agents", list[SeenAgent], "agents")

    @route
    def get_agent(self, agent_id: str) -> Call[SeenAgent]:
        return _get(path("agents", agent_id), SeenAgent, "agent")

    @route
    def create_request(
        self,
        session_id: str,
        prompt: str,
        project_id: str,
        *,
        prompt_type: str | None = None,
        status: str | None = None,
        metadata: Json | None = None,
    ) -> Call[UserRequest]:
        return _post(
            "/api/requests",
            UserRequest,
            "request",
            session_id=session_id,
            prompt=prompt,
            project_id=project_id,
            prompt_type=prompt_type,
            status=status,
            metadata=metadata,
        )

    @route
    def get_request(self, request_id: str) -> Call[UserRequest]:
        return _get(path("requests", request_id), UserRequest, "request")

    @listing
    def list_requests(
        self,
        *,
        project_id: str | None = None,
        session_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> Listing[UserRequest]:
        query = given(project_id=project_id, session_id=session_id, status=status)
        return _list("/api/requests", "requests", UserRequest, limit, **query)

    @route
    def update_request(
        self, request_id: str, *, status: str | None = None, metadata: Json | None = None
    ) -> Call[UserRequest]:
        body = given(status=status, metadata=metadata)
        return _patch(path("requests", request_id), UserRequest, "request", **body)

    @route
    def delete_request(self, request_id: str) -> Call[None]:
        return _delete(path("requests", request_id))

    # --- tasks and subtasks ---------------------------------------------------------------------

    @route
    def create_task(
        self,
        request_id: str,
        name: str | None = None,
        *,
        wave_number: int | None = None,
        status: str | None = None,
    ) -> Call[Task]:
        body = given(request_id=request_id, name=name, wave_number=wave_number, status=status)
        return _post("/api/tasks", Task, "task", **body)

    @route
    def get_task(self, task_id: str) -> Call[Task]:
        return _get(path("tasks", task_id), Task, "task")

    @listing
    def list_tasks(
        self,
        *,
        request_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> Listing[Task]:
        query = given(request_id=request_id, status=status)
        return _list("/api/tasks", "tasks", Task, limit, **query)

    @route
    def update_task(
        self, task_id: str, *, status: str | None = None, name: str | None = None
    ) -> Call[Task]:
        return _patch(path("tasks", task_id), Task, "task", status=status, name=name)

    @route
    def delete_task(self, task_id: str) -> Call[None]:
        return _delete(path("tasks", task_id))

    @route
    def create_subtask(
        self,
        task_id: str,
        description: str,
        *,
        agent_type: str | None = None,
        agent_id: str | None = None,
        status: str | None = None,
        blocked_by: Sequence[str] | None = None,
        context_snapshot: Json | None = None,
    ) -> Call[Subtask]:
        return _post(
            "/api/subtasks",
            Subtask,
            "subtask",
            task_id=task_id,
            description=description,
            agent_type=agent_type,
            agent_id=agent_id,
            status=status,
            blocked_by=blocked_by,
            context_snapshot=context_snapshot,
        )

    @route
    def get_subtask(self, subtask_id: str) -> Call[Subtask]:
        return _get(path("subtasks", subtask_id), Subtask, "subtask")

    @listing
    def get_subtasks(
        self,
        *,
        task_id: str | None = None,
        status: str | None = None,
        agent_type: str | None = None,
        agent_id: str | None = None,
        limit: int | None = None,
    ) -> Listing[Subtask]:
        query = given(task_id=task_id, status=status, agent_type=agent_type, agent_id=agent_id)
        return _list("/api/subtasks", "subtasks", Subtask, limit, **query)

    @route
    def update_subtask(
        self,
        subtask_id: str,
        *,
        status: str | None = None,
        result: Json | None = None,
        agent_id: str | None = None,
        blocked_by: Sequence[str] | None = None,
    ) -> Call[Subtask]:
        body = given(status=status, result=result, agent_id=agent_id, blocked_by=blocked_by)
        return _patch(path("subtasks", subtask_id), Subtask, "subtask", **body)

    @route
    def delete_subtask(self, subtask_id: str) -> Call[None]:
        return _delete(path("subtasks", subtask_id))

    # --- actions and routing --------------------------------------------------------------------

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
        return _post(
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
        return _post("/api/actions/batch", Batch, repeatable=True, actions=identified)

    @route
    def get_action(self, action_id: str) -> Call[ActionResult]:
        return _get(path("actions", action_id), ActionResult, "action")

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
        return _list("/api/actions", "actions", ActionResult, limit, **query)

    @route
    def get_actions_hourly(self) -> Call[list[HourOfActions]]:
        return _get("/api/actions/hourly", list[HourOfActions], "data")

    @route
    def delete_action(self, action_id: str) -> Call[None]:
        return _delete(path("actions", action_id))

    @route
    def delete_actions_by_session(self, session_id: str) -> Call[int]:
        """How many there were."""
        return _delete(path("actions", "by-session", session_id), int, "deleted_count")

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
        return _list("/api/search", "results", Found, limit, **query)

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
        return _get("/api/routing/suggest", list[Suggestion], "suggestions", **query)

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
        return _post("/api/routing/feedback", Feedback, **body)

    @route
    def get_routing_stats(self) -> Call[RoutingStats]:
        return _get("/api/routing/stats", RoutingStats)

    # --- sessions, briefs -----------------------------------------------------------------------

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
        return _post("/api/sessions", Session, **body)

    @route
    def get_session(self, session_id: str) -> Call[Session]:
        return _get(path("sessions", session_id), Session)

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
        return _list("/api/sessions", "sessions", Session, limit, **query)

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
        return _patch(
            path("sessions", session_id),
            Session,
            ended_at=ended_at,
            total_tools_used=total_tools_used,
            total_success=total_success,
            total_errors=total_errors,
        )

    @route
    def end_session(self, session_id: str) -> Call[Session]:
        return _patch(path("sessions", session_id), Session, ended_at=datetime.now(UTC))

    @route
    def delete_session(self, session_id: str) -> Call[None]:
        return _delete(path("sessions", session_id))

    @route
    def get_session_stats(self) -> Call[SessionStats]:
        return _get("/api/sessions/stats", SessionStats)

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
        return _get(path("context", agent_id), Context, **query)

    @route
    def get_raw_context(self, agent_id: str, *, session_id: str | None = None) -> Call[Json]:
        """The same as data."""
        return _get(path("context", agent_id), Json, format="raw", session_id=session_id)

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
        return _post(
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
        return _post(
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
        return _get(path("compact", "status", session_id), CompactStatus)

    @listing
    def list_compactions(self, session_id: str, *, limit: int | None = None) -> Listing[Compaction]:
        """Newest first."""
        return _list(path("compact", "history", session_id), "compactions", Compaction, limit)

    # --- leases ---------------------------------------------------------------------------------

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
        return _post("/api/leases", list[Lease], "leases", **body)

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
        return _list("/api/leases", "leases", Lease, limit, **query)

    @route
    def renew_lease(
        self, lease_id: str, agent_id: str, ttl_seconds: int | None = None
    ) -> Call[Lease]:
        body = given(agent_id=agent_id, ttl_seconds=ttl_seconds)
        return _patch(path("leases", lease_id), Lease, "lease", **body)

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
    def get_lease_mode(self, project_id: str) -> Call[str]:
        return _get(path("leases", "mode", project_id), str, "mode")

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

    # --- messages, subscriptions, blocks --------------------------------------------------------

    @route
    def send_message(
        self,
        from_agent: str,
        topic: str,
        content: Json | str,
        *,
        to_agent: str | None = None,
        priority: int | None = None,
        ttl_seconds: int | None = None,
        project_id: str | None = None,
    ) -> Call[MessageReceipt]:
        """To everybody without a to_agent."""
        return _post(
            "/api/messages",
            MessageReceipt,
            "message",
            from_agent=from_agent,
            topic=topic,
            content=content,
            to_agent=to_agent,
            priority=priority,
            ttl_seconds=ttl_seconds,
            project_id=project_id,
        )

    @listing
    def get_messages(
        self,
        agent_id: str,
        *,
        topic: str | None = None,
        since: datetime | None = None,
        include_broadcasts: bool | None = None,
        unread_only: bool | None = None,
        mark_read: bool | None = None,
        limit: int | None = None,
    ) -> Listing[Message]:
        """Most urgent first; they count as read by the agent, unless mark_read is False."""
        query = given(
            topic=topic,
            since=since,
            include_broadcasts=include_broadcasts,
            unread_only=unread_only,
            mark_read=mark_read,
        )
        return _list(path("messages", agent_id), "messages", Message, limit, **query)

    @route
    def mark_message_read(self, message_id: str, agent_id: str) -> Call[None]:
        return _post(path("messages", message_id, "read"), None, agent_id=agent_id)

    @route
    def subscribe(
        self, agent_id: str, topic: str, callback_url: str | None = None
    ) -> Call[Subscription]:
        body = given(agent_id=agent_id, topic=topic, callback_url=callback_url)
        return _post("/api/subscribe", Subscription, "subscription", **body)

    @route
    def unsubscribe(self, agent_id: str, topic: str) -> Call[Subscription]:
        body = given(agent_id=agent_id, topic=topic)
        return _post("/api/unsubscribe", Subscription, "deleted", **body)

    @route
    def get_subscriptions(
        self, *, agent_id: str | None = None, topic: str | None = None
    ) -> Call[list[Subscription]]:
        query = given(agent_id=agent_id, topic=topic)
        return _get("/api/subscriptions", list[Subscription], "subscriptions", **query)

    @route
    def get_subscriptions_of(self, agent_id: str) -> Call[list[Subscription]]:
        return _get(path("subscriptions", agent_id), list[Subscription], "subscriptions")

    @route
    def delete_subscription(self, subscription_id: str) -> Call[Subscription]:
        return _delete(path("subscriptions", subscription_id), Subscription, "deleted")

    @route
    def block_agent(
        self, blocked_by: str, blocked_agent: str, reason: str | None = None
    ) -> Call[Block]:
        body = given(blocked_by=blocked_by, blocked_agent=blocked_agent, reason=reason)
        return _post("/api/blocking", Block, "blocking", **body)

    @route
    def unblock_agent(self, blocked_by: str, blocked_agent: str) -> Call[Block]:
        body = given(blocked_by=blocked_by, blocked_agent=blocked_agent)
        return _post("/api/unblock", Block, "unblocked", **body)

    @route
    def is_blocked(self, agent_id: str, by: str | None = None) -> Call[bool]:
        """By anybody, or by this agent."""
        query = given(agent_id=agent_id) if by is None else given(blocked=agent_id, blocker=by)
        return _get("/api/blocking/check", bool, "is_blocked", **query)

    @route
    def get_blocking(self, agent_id: str) -> Call[Blocking]:
        return _get(path("blocking", agent_id), Blocking)

    @route
    def delete_block(self, block_id: str) -> Call[Block]:
        return _delete(path("blocking", block_id), Block, "unblocked")

    # --- what agents of a session share ---------------------------------------------------------

    @route
    def join_session(self, session_id: str, name: str, role: str, repo_path: str) -> Call[Agent]:
        body = given(name=name, role=role, repo_path=repo_path)
        return _post(path("sessions", session_id, "agents"), Agent, "agent", **body)

    @route
    def leave_session(self, session_id: str, agent_id: str) -> Call[None]:
        return _delete(path("sessions", session_id, "agents", agent_id))

    @listing
    def list_agents(self, session_id: str, *, limit: int | None = None) -> Listing[Agent]:
        return _list(path("sessions", session_id, "agents"), "agents", Agent, limit)

    @route
    def share_context(
        self,
        session_id: str,
        key: str,
        value: str,
        agent_id: str,
        *,
        tags: Sequence[str] | None = None,
        expected_version: int | None = None,
    ) -> Call[Entry]:
        """expected_version: raise Conflict unless the entry is at it; 0: unless there is none."""
        return Call(
            method="PUT",
            path=path("sessions", session_id, "context", key),
            result=Entry,
            under="entry",
            body=given(value=value, agent_id=agent_id, tags=tags),
            headers=_condition(expected_version),
        )

    @route
    def get_entry(self, session_id: str, key: str) -> Call[Entry]:
        return _get(path("sessions", session_id, "context", key), Entry, "entry")

    @listing
    def list_entries(
        self,
        session_id: str,
        *,
        tags: Sequence[str] | None = None,
        prefix: str | None = None,
        created_by: str | None = None,
        limit: int | None = None,
    ) -> Listing[Entry]:
        """Those that have all of the tags."""
        query = given(tags=tags, prefix=prefix, created_by=created_by)
        where = path("sessions", session_id, "context")
        return _list(where, "entries", Entry, limit, **query)

    @route
    def delete_entry(
        self, session_id: str, key: str, *, expected_version: int | None = None
    ) -> Call[None]:
        where = path("sessions", session_id, "context", key)
        return _delete(where, **_condition(expected_version))

    @route
    def ask_question(
        self, session_id: str, question: str, agent_id: str, *, to: str | None = None
    ) -> Call[Question]:
        body = given(question=question, agent_id=agent_id, to_agent=to)
        return _post(path("sessions", session_id, "questions"), Question, "question", **body)

    @listing
    def list_questions(
        self,
        session_id: str,
        *,
        state: str | None = None,
        to: str | None = None,
        limit: int | None = None,
    ) -> Listing[Question]:
        """state: pending, answered or all. to: those to this agent or to nobody."""
        where = path("sessions", session_id, "questions")
        return _list(where, "questions", Question, limit, **given(state=state, to=to))

    @route
    def answer_question(
        self, session_id: str, question_id: str, answer: str, agent_id: str
    ) -> Call[Question]:
        where = path("sessions", session_id, "questions", question_id, "answer")
        return _post(where, Question, "question", answer=answer, agent_id=agent_id)

    @route
    def log_decision(
        self, session_id: str, decision: str, agent_id: str, *, rationale: str | None = None
    ) -> Call[Decision]:
        body = given(decision=decision, agent_id=agent_id, rationale=rationale)
        return _post(path("sessions", session_id, "decisions"), Decision, "decision", **body)

    @listing
    def list_decisions(self, session_id: str, *, limit: int | None = None) -> Listing[Decision]:
        return _list(path("sessions", session_id, "decisions"), "decisions", Decision, limit)
