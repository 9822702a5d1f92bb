"""How far an agent is: told to everyone, and noted in its subtask."""

import uuid

from django.db import transaction

from messaging.models import Topic
from messaging.services.messages import send_message
from projects.models import Subtask
from projects.selectors import current_subtask
from projects.services.subtasks import update_subtask


@transaction.atomic
def report_progress(
    *, agent_id: str, summary: str, status: str, subtask_id: uuid.UUID | None = None
) -> Subtask | None:
    """The subtask in which it is noted: the one named, else the one the agent is at work on.

    An agent without any tells everyone all the same. Publishes message.new and the events of the
    subtask. Raises SubtaskNotFound.
    """
    if subtask_id is None:
        found = current_subtask(agent_id)
        subtask_id = found.id if found else None
    subtask = None
    if subtask_id is not None:
        subtask = update_subtask(subtask_id, status=status, result={"summary": summary})
    send_message(
        from_agent=agent_id,
        topic=Topic.WORKFLOW_PROGRESS,
        content={
            "message": summary,
            "status": status,
            "subtask_id": str(subtask_id) if subtask_id else None,
        },
    )
    return subtask
