"""What is announced of subtasks, and to whom."""

from collections.abc import Sequence

from projects.models import Subtask
from realtime.channel_names import GLOBAL, agent_channel, session_channel
from realtime.events import (
    SubtaskBlocked,
    SubtaskCompleted,
    SubtaskEvent,
    SubtaskFailed,
    SubtaskPaused,
    SubtaskPending,
    SubtaskRunning,
    SubtaskUpdated,
)
from realtime.publish import Addressed

EVENTS_OF_STATUS: dict[str, list[type[SubtaskEvent]]] = {
    Subtask.Status.PENDING: [SubtaskUpdated, SubtaskPending],
    Subtask.Status.RUNNING: [SubtaskUpdated, SubtaskRunning],
    Subtask.Status.PAUSED: [SubtaskUpdated, SubtaskPaused],
    Subtask.Status.BLOCKED: [SubtaskUpdated, SubtaskBlocked],
    Subtask.Status.COMPLETED: [SubtaskCompleted],
    Subtask.Status.FAILED: [SubtaskFailed],
}


def told(subtask: Subtask, kinds: Sequence[type[SubtaskEvent]]) -> list[Addressed]:
    """The subtask comes with its task and request, or they are fetched."""
    session_id = subtask.task.request.session_id
    agents = [name for name in (subtask.agent_type, subtask.agent_id) if name]
    channels = [GLOBAL, *map(agent_channel, agents), session_channel(session_id)]
    return [
        Addressed(
            kind(
                id=subtask.id,
                task_list_id=subtask.task_id,
                agent_type=subtask.agent_type,
                agent_id=subtask.agent_id,
                status=subtask.status,
                session_id=session_id,
            ),
            channels,
        )
        for kind in kinds
    ]
