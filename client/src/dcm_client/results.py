"""What the server answers, typed. Members that a newer server adds are ignored."""

from datetime import datetime
from typing import Any

import msgspec

Json = dict[str, Any]


class Result(msgspec.Struct, kw_only=True):
    """Compared by value; `msgspec.to_builtins(result)` makes it a dict."""


# --- the work tree ------------------------------------------------------------------------------


class ProjectStats(Result):
    project_id: str
    path: str
    total_requests: int
    total_subtasks: int
    total_actions: int
    successful_actions: int
    avg_duration_ms: float
    project_name: str | None = None
    last_activity: datetime | None = None


class ActionResult(Result):
    """Some members are only in the reply that records it, others only in get_action()'s."""

    id: str
    tool_name: str
    tool_type: str
    exit_code: int
    created_at: datetime
    duration_ms: int | None = None
    file_paths: list[str] = []
    keywords_extracted: int | None = None
    input: str | None = None
    output: str | None = None
    session_id: str | None = None
    project_path: str | None = None
    subtask_id: str | None = None
    agent_id: str | None = None
    agent_type: str | None = None
    task_id: str | None = None
    request_id: str | None = None
    project_id: str | None = None
    metadata: Json = {}


class Subtask(Result):
    """actions: only in get_subtask()'s reply."""

    id: str
    task_id: str
    description: str
    status: str
    created_at: datetime
    agent_type: str | None = None
    agent_id: str | None = None
    blocked_by: list[str] = []
    started_at: datetime | None = None
    completed_at: datetime | None = None
    context_snapshot: Json | None = None
    result: Json | None = None
    actions: list[ActionResult] = []


class Task(Result):
    """One wave. subtasks: in the replies of get_task() and get_hierarchy()."""

    id: str
    request_id: str
    wave_number: int
    status: str
    created_at: datetime
    name: str | None = None
    completed_at: datetime | None = None
    subtasks: list[Subtask] = []


class UserRequest(Result):
    """What the user asked. tasks: in the replies of get_request() and get_hierarchy()."""

    id: str
    prompt: str
    status: str
    created_at: datetime
    session_id: str | None = None
    project_id: str | None = None
    prompt_type: str | None = None
    completed_at: datetime | None = None
    metadata: Json = {}
    tasks: list[Task] = []


class Project(Result):
    """requests, stats: in get_project()'s reply; requests alone in get_hierarchy()'s."""

    id: str
    path: str
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    metadata: Json = {}
    requests: list[UserRequest] = []
    stats: ProjectStats | None = None


class Hierarchy(Result):
    hierarchy: Project
    stats: ProjectStats
    counts: dict[str, int]


class ActiveAgent(Result):
    subtask_id: str
    status: str
    description: str
    created_at: datetime
    actions_count: int
    project_id: str
    project_path: str
    request_id: str
    session_id: str
    project_name: str | None = None
    agent_type: str | None = None
    agent_id: str | None = None
    started_at: datetime | None = None


class SeenAgent(Result):
    """Who is connected, or was heard of within a day. current_subtask: its id, description, status.

    name and what follows is told by hooks only. state: working, waiting (for the user), idle,
    stale or ended. injected_characters: of messages that hooks put before it.
    """

    agent_id: str
    online: bool
    connections: int
    unread_count: int
    is_blocked: bool
    agent_type: str | None = None
    connected_since: datetime | None = None
    last_seen_at: datetime | None = None
    current_subtask: Json | None = None
    name: str | None = None
    session_id: str | None = None
    project_id: str | None = None
    parent: str | None = None
    model: str | None = None
    machine: str | None = None
    state: str | None = None
    reason: str | None = None
    state_since: datetime | None = None
    injections: int | None = None
    injected_characters: int | None = None
    current_request: Json | None = None


class HourOfActions(Result):
    hour: datetime
    count: int


class HooksOfAKind(Result):
    """At most so many milliseconds took half, and 95 of 100, of them; None: not measured.

    client_…: what dcm-hook needed before it sent one.
    """

    event: str
    count: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    client_p50_ms: float | None = None
    client_p95_ms: float | None = None


class HookHealth(Result):
    """How hooks fared since the server started. sessions: when each was heard of last."""

    events: list[HooksOfAKind]
    late: int
    refused: int
    failed: int
    calls_without_end: Json
    sessions: list[Json]


class Delivery(Result):
    """state: queued, injected, seen, acknowledged or dead. number: within its pair of agents."""

    message_id: str
    from_agent: str
    to_agent: str
    number: int
    state: str
    queued_at: datetime
    expires_at: datetime
    is_crossed: bool = False
    injections: int = 0
    reason: str | None = None
    project_id: str | None = None
    in_reply_to: str | None = None
    injected_at: datetime | None = None
    seen_at: datetime | None = None
    acknowledged_at: datetime | None = None


class Lease(Result):
    """token: grows with each take in the project. is_implicit: taken by an edit."""

    id: str
    project_id: str
    agent_id: str
    pattern: str
    token: int
    created_at: datetime
    expires_at: datetime
    is_shared: bool = False
    is_implicit: bool = False
    session_id: str | None = None
    reason: str | None = None


class LeaseConflict(Result):
    """path: as it was asked for. lease: the first that speaks against a change of it."""

    path: str
    lease: Lease


class LeaseCheck(Result):
    """mode: off, warn or enforce."""

    mode: str
    conflicts: list[LeaseConflict]


class Claim(Result):
    """token: of the project's leases and claims later ones have higher ones."""

    subtask_id: str
    agent_id: str
    token: int
    ttl_seconds: int
    claimed_at: datetime
    expires_at: datetime
    session_id: str | None = None


class Unblocked(Result):
    """is_last: it waits for nothing else."""

    id: str
    description: str
    status: str
    is_last: bool
    agent_type: str | None = None
    agent_id: str | None = None


class Claimed(Result):
    """claim, subtask: None when there was nothing to claim. unblocks: what waits for the subtask.

    waiting: how many more the agent could claim if others were completed.
    """

    unblocks: list[Unblocked]
    waiting: int
    claim: Claim | None = None
    subtask: Subtask | None = None


class BatchOutcome(Result):
    """Of one action of a batch, by its place there: the action, or why it was refused."""

    index: int
    success: bool
    action: ActionResult | None = None
    error: str | None = None
    details: dict[str, list[str]] = {}


class Batch(Result):
    """count: how many were stored."""

    success: bool
    count: int
    results: list[BatchOutcome]


# --- routing ------------------------------------------------------------------------------------


class ExcerptPart(Result):
    text: str
    is_match: bool


class Found(Result):
    """label: a status, a tool, a topic, a key, or the question of an answer, as the kind is."""

    kind: str
    id: str
    score: float
    at: datetime
    excerpt: list[ExcerptPart]
    session_id: str | None = None
    project_id: str | None = None
    agent_id: str | None = None
    label: str | None = None


class KeywordFigures(Result):
    keyword: str
    score: float
    usage_count: int
    success_rate: int
    last_used: datetime


class Suggestion(Result):
    """explanation: with `explain`, the figures of each keyword, best first."""

    tool_name: str
    tool_type: str
    score: float
    usage_count: int
    success_rate: int
    keyword_matches: list[str]
    explanation: list[KeywordFigures] = []


class Feedback(Result):
    message: str
    adjustment: float


class RoutingStats(Result):
    totals: dict[str, float]
    top_by_score: list[Json]
    top_by_usage: list[Json]
    type_distribution: list[Json]


# --- sessions and briefs ------------------------------------------------------------------------


class Session(Result):
    """requests: the newest, in get_session()'s reply."""

    id: str
    started_at: datetime
    project_id: str | None = None
    ended_at: datetime | None = None
    total_tools_used: int = 0
    total_success: int = 0
    total_errors: int = 0
    requests: list[UserRequest] = []


class SessionStats(Result):
    overview: Json
    by_project: list[Json]
    timestamp: datetime


class Brief(Result):
    content: str
    token_count: int
    truncated: bool
    generated_at: datetime
    id: str | None = None
    left_out: dict[str, int] = {}


class Context(Result):
    """brief: None, with a message, when the agent has no session. position: see get_context()."""

    agent_id: str
    session_id: str | None = None
    agent_type: str | None = None
    brief: Brief | None = None
    position: str | None = None
    since: Json | None = None
    sources: list[Any] = []
    message: str | None = None


class GeneratedBrief(Brief, kw_only=True):
    agent_id: str
    session_id: str
    agent_type: str | None = None


class Generated(Result):
    brief: GeneratedBrief
    sources: list[Any]


class Restored(Result):
    """brief: Markdown."""

    brief: str
    sources: list[Any]
    session_compacted: bool
    restored_at: datetime


class CompactStatus(Result):
    session_id: str
    exists: bool
    compacted: bool
    compacted_at: str | None = None
    compact_summary: str | None = None
    compact_agent: str | None = None
    compactions: int = 0
    begun: bool = False
    restored_at: datetime | None = None


class Compaction(Result):
    """snapshot: how things stood when it began."""

    number: int
    agent_id: str
    position: str
    begun_at: datetime
    restores: int
    snapshot: Json
    trigger: str | None = None
    summary: str | None = None
    compacted_at: datetime | None = None
    restored_at: datetime | None = None


# --- messages -----------------------------------------------------------------------------------


class MessageReceipt(Result):
    id: str
    from_agent: str
    topic: str
    priority: int
    created_at: datetime
    is_broadcast: bool
    to_agent: str | None = None
    expires_at: datetime | None = None


class Message(MessageReceipt, kw_only=True):
    """already_read: before this reply."""

    content: Any
    already_read: bool
    read_by: list[str] = []


class Subscription(Result):
    id: str
    agent_id: str
    topic: str
    callback_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Block(Result):
    id: str
    blocked_by: str
    blocked_agent: str
    reason: str | None = None
    created_at: datetime | None = None


class Blocking(Result):
    """blocked_by, blocking: the blocks, newest first."""

    agent_id: str
    is_blocked: bool
    is_blocking: bool
    blocked_by: list[Json]
    blocking: list[Json]
    summary: dict[str, int]


# --- coordinator --------------------------------------------------------------------------------


class Agent(Result):
    id: str
    name: str
    role: str
    repo_path: str
    connected_at: datetime
    last_seen_at: datetime | None = None


class Entry(Result):
    """A shared value under a key."""

    id: str
    key: str
    value: str
    tags: list[str]
    created_by: str
    version: int
    created_at: datetime
    updated_at: datetime
    updated_by: str | None = None


class Question(Result):
    id: str
    question: str
    asked_by: str
    status: str
    created_at: datetime
    to_agent: str | None = None
    answer: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None


class Decision(Result):
    id: str
    decision: str
    decided_by: str
    created_at: datetime
    rationale: str | None = None


# --- the server ---------------------------------------------------------------------------------


class Health(Result):
    status: str
    timestamp: datetime
    version: str
    database: Json
    features: dict[str, str] = {}


class Stats(Result, rename="camel"):
    project_count: int
    request_count: int
    action_count: int
    message_count: int
    timestamp: datetime


class ToolsSummary(Result):
    skills: int
    commands: int
    workflows: int
    plugins: int
    from_cache: bool
    cached_at: datetime | None = None


class CleanupStats(Result):
    messages: Json
    timestamp: datetime
    last_cleanup: Json | None = None


class Token(Result):
    token: str
    expires_in: int


class LoggedEvents(Result):
    """next_after: where a reader goes on. recovered: whether nothing is missing before these."""

    events: list[Json]
    count: int
    epoch: str
    head: int
    next_after: int
    recovered: bool = True
    reason: str | None = None
