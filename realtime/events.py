"""The catalogue: one class per event type that the server announces. Contract: websocket 8 and 9.

Payloads carry ids and labels only, never what a tool or a message said: `global` is heard by
clients that have not said who they are.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Event:
    type: ClassVar[str]

    def data(self) -> dict[str, Any]:
        """The `data` of the frame."""
        return dict(vars(self))


def event_types() -> set[str]:
    """Every type in this catalogue."""
    found, classes = set(), [Event]
    while classes:
        one = classes.pop()
        classes += one.__subclasses__()
        if "type" in vars(one) and one.__module__ == __name__:
            found.add(one.type)
    return found


# --- the work tree ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ProjectDeleted(Event):
    type: ClassVar[str] = "project.deleted"
    id: UUID


@dataclass(frozen=True, kw_only=True)
class RequestDeleted(Event):
    type: ClassVar[str] = "request.deleted"
    id: UUID
    session_id: str


@dataclass(frozen=True, kw_only=True)
class TaskEvent(Event):
    id: UUID
    request_id: UUID
    wave_number: int
    status: str
    session_id: str


class TaskCreated(TaskEvent):
    type = "task.created"


class TaskUpdated(TaskEvent):
    type = "task.updated"


class TaskPending(TaskEvent):
    type = "task.pending"


class TaskRunning(TaskEvent):
    type = "task.running"


class TaskBlocked(TaskEvent):
    type = "task.blocked"


class TaskCompleted(TaskEvent):
    type = "task.completed"


class TaskFailed(TaskEvent):
    type = "task.failed"


class TaskDeleted(TaskEvent):
    type = "task.deleted"


@dataclass(frozen=True, kw_only=True)
class SubtaskEvent(Event):
    id: UUID
    task_list_id: UUID
    agent_type: str | None
    agent_id: str | None
    status: str
    session_id: str

    def data(self) -> dict[str, Any]:
        return super().data() | {"task_id": self.task_list_id}


class SubtaskCreated(SubtaskEvent):
    type = "subtask.created"


class SubtaskUpdated(SubtaskEvent):
    type = "subtask.updated"


class SubtaskPending(SubtaskEvent):
    type = "subtask.pending"


class SubtaskRunning(SubtaskEvent):
    type = "subtask.running"


class SubtaskPaused(SubtaskEvent):
    type = "subtask.paused"


class SubtaskBlocked(SubtaskEvent):
    type = "subtask.blocked"


class SubtaskCompleted(SubtaskEvent):
    type = "subtask.completed"


class SubtaskFailed(SubtaskEvent):
    type = "subtask.failed"


class SubtaskDeleted(SubtaskEvent):
    type = "subtask.deleted"


class SubtaskReady(SubtaskEvent):
    """The last that it waited for is done."""

    type = "subtask.ready"


@dataclass(frozen=True, kw_only=True)
class ClaimEvent(Event):
    subtask_id: UUID
    project_id: UUID
    agent_id: str
    session_id: str | None
    token: int
    expires_at: datetime


class ClaimTaken(ClaimEvent):
    type = "claim.taken"


class ClaimReleased(ClaimEvent):
    """The work is done, or was given back."""

    type = "claim.released"


class ClaimExpired(ClaimEvent):
    """Nothing was heard of its agent for too long: others may claim the subtask."""

    type = "claim.expired"


@dataclass(frozen=True, kw_only=True)
class ActionCreated(Event):
    """A tool call was recorded. Beyond the contract, so that sockets see work as it happens."""

    type: ClassVar[str] = "action.created"
    id: UUID
    session_id: str | None
    subtask_id: UUID | None
    tool_name: str
    tool_type: str
    exit_code: int
    duration_ms: int | None


@dataclass(frozen=True, kw_only=True)
class RowsImported(Event):
    """Rows came from a database of the original service, without an event for each."""

    type: ClassVar[str] = "rows.imported"
    rows: str
    count: int


@dataclass(frozen=True, kw_only=True)
class ActionsBulkDeleted(Event):
    type: ClassVar[str] = "actions.bulk_deleted"
    session_id: str
    deleted_count: int


@dataclass(frozen=True, kw_only=True)
class LeaseEvent(Event):
    """Without the paths, which say what an agent is about."""

    id: UUID
    project_id: UUID
    agent_id: str
    session_id: str | None
    token: int
    is_shared: bool
    is_implicit: bool
    expires_at: datetime


class LeaseTaken(LeaseEvent):
    type = "lease.taken"


class LeaseReleased(LeaseEvent):
    type = "lease.released"


class LeaseExpired(LeaseEvent):
    """Its time was over."""

    type = "lease.expired"


@dataclass(frozen=True, kw_only=True)
class LeaseConflict(Event):
    """An agent wrote, by a shell command, a file that another holds."""

    type: ClassVar[str] = "lease.conflict"
    lease_id: UUID
    project_id: UUID
    agent_id: str
    session_id: str
    holder: str


# --- messages and blocks ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MessageEvent(Event):
    id: UUID
    from_agent: str | None
    to_agent: str | None
    topic: str | None

    def data(self) -> dict[str, Any]:
        shown = super().data()
        return {"from": shown.pop("from_agent"), "to": shown.pop("to_agent"), **shown}


@dataclass(frozen=True, kw_only=True)
class MessageNew(MessageEvent):
    """A message was sent. One payload on every channel. Contract: websocket W15."""

    type: ClassVar[str] = "message.new"
    priority: int
    created_at: str
    expires_at: str | None

    def data(self) -> dict[str, Any]:
        return super().data() | {"is_broadcast": self.to_agent is None}


@dataclass(frozen=True, kw_only=True)
class MessageRead(MessageEvent):
    """An agent read a message for the first time. Contract: websocket W13."""

    type: ClassVar[str] = "message.read"
    read_by: str


class MessageExpired(MessageEvent):
    """A message's time was over; it is gone. Contract: websocket W13."""

    type = "message.expired"


class MessageInjected(MessageEvent):
    """A message was put before its agent, which may not have seen it yet."""

    type = "message.injected"


@dataclass(frozen=True, kw_only=True)
class MessageAcknowledged(MessageEvent):
    """Its agent replied, or said that it took note."""

    type: ClassVar[str] = "message.acknowledged"
    acknowledged_by: str


@dataclass(frozen=True, kw_only=True)
class MessageUndeliverable(MessageEvent):
    """Its agent ended before it saw the message."""

    type: ClassVar[str] = "message.undeliverable"
    reason: str


@dataclass(frozen=True, kw_only=True)
class AgentBlocked(Event):
    """An agent was asked to wait. Contract: websocket 9."""

    type: ClassVar[str] = "agent.blocked"
    id: UUID
    blocked_by: str
    blocked_agent: str
    reason: str | None

    def data(self) -> dict[str, Any]:
        # Older clients read the two ids under these names.
        return super().data() | {"by": self.blocked_by, "agent_id": self.blocked_agent}


class AgentUnblocked(AgentBlocked):
    type = "agent.unblocked"


# --- agents and sessions ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AgentConnected(Event):
    """An agent proved on a socket who it is. session_id is left out when unknown."""

    type: ClassVar[str] = "agent.connected"
    agent_id: str
    client_id: str
    session_id: str | None

    def data(self) -> dict[str, Any]:
        return {name: value for name, value in super().data().items() if value is not None}


class AgentDisconnected(AgentConnected):
    type = "agent.disconnected"


@dataclass(frozen=True, kw_only=True)
class AgentState(Event):
    """An agent of a host's hooks works, waits for the user, is idle, stale or has ended."""

    type: ClassVar[str] = "agent.state"
    agent_id: str
    session_id: str
    project_id: UUID | None
    name: str
    agent_type: str | None
    state: str
    reason: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class SessionEvent(Event):
    id: str
    project_id: UUID | None

    def data(self) -> dict[str, Any]:
        return super().data() | {"session_id": self.id}


class SessionCreated(SessionEvent):
    type = "session.created"


class SessionEnded(SessionEvent):
    type = "session.ended"


class SessionDeleted(SessionEvent):
    type = "session.deleted"


# --- what agents of a session share -----------------------------------------------------------

# These go to the session's own channel (and to an addressee's), never to `global`, so they hold
# the whole object as coordinator clients read it: a client that was away gets it as it was.


@dataclass(frozen=True, kw_only=True)
class AgentJoined(Event):
    """Contract: coordinator 5.1."""

    type: ClassVar[str] = "agent.joined"
    session_id: str
    agent: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AgentLeft(AgentJoined):
    """reason: `left` when somebody said so, `absent` when nothing was heard of it for long."""

    type: ClassVar[str] = "agent.left"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ContextChanged(Event):
    """Contract: coordinator 5.2."""

    type: ClassVar[str] = "context.changed"
    session_id: str
    entry: dict[str, Any]


class ContextDeleted(ContextChanged):
    type = "context.deleted"


@dataclass(frozen=True, kw_only=True)
class QuestionAsked(Event):
    """Contract: coordinator 5.3."""

    type: ClassVar[str] = "question.asked"
    session_id: str
    question: dict[str, Any]


class QuestionAnswered(QuestionAsked):
    type = "question.answered"


@dataclass(frozen=True, kw_only=True)
class DecisionLogged(Event):
    """Contract: coordinator 5.4."""

    type: ClassVar[str] = "decision.logged"
    session_id: str
    decision: dict[str, Any]
