"""Claims beside the subtasks they are on, and what is announced of them.

Who changes a claim has locked its subtask first, but for renewals, which wait for nobody.
"""

from collections.abc import Sequence

from dcm.lib.errors import Conflict
from dcm.lib.rows import update
from dcm.lib.statements import execute
from projects.models import Claim, Subtask
from projects.services.status import set_status
from projects.services.subtask_events import EVENTS_OF_STATUS, told
from realtime.channel_names import GLOBAL, agent_channel, session_channel
from realtime.events import ClaimEvent, ClaimReleased
from realtime.publish import Addressed


class ClaimLost(Conflict):
    """Over, given back, or another's by now."""

    message = "This claim is over"


def check_token(claim: Claim | None, token: int | None) -> None:
    """Raises ClaimLost unless the subtask is claimed under this token, or none is given."""
    if token is not None and (claim is None or claim.token != token):
        raise ClaimLost


def end_claim(subtask: Subtask, claim: Claim | None, *, status: str | None) -> list[Addressed]:
    """After a change of the subtask: its claim ends with the work, or goes on as if renewed.

    claim: that was held before the change. status: that was set, if any was. The events to append
    to the log.
    """
    if claim is None:
        return []
    is_over = status in {*Subtask.TERMINAL, Subtask.Status.PENDING}
    if not is_over and claim.agent_id == subtask.agent_id:
        execute(_RENEW_ONE, str(subtask.id))
        return []
    execute("DELETE FROM projects_claim WHERE subtask_id = $1", str(subtask.id))
    claim.subtask = subtask
    return told_of(claim, ClaimReleased)


_RENEW_ONE = """
UPDATE projects_claim SET expires_at = clock_timestamp() + make_interval(secs => ttl_seconds)
WHERE subtask_id = $1
"""


def give_back(claims: Sequence[Claim], kind: type[ClaimEvent]) -> list[Addressed]:
    """The subtasks of claims that are gone may be claimed by others; they are locked.

    What waits for another subtask goes on waiting. The events to append to the log.
    """
    events: list[Addressed] = []
    lost = {claim.subtask_id: claim for claim in claims}
    # Of all projects: the sweep is for everybody, whoever comes by.
    subtasks = Subtask._base_manager.select_related("task__request").filter(id__in=lost)
    for subtask in subtasks.order_by("id"):
        claim = lost[subtask.id]
        claim.subtask = subtask
        if subtask.status != Subtask.Status.BLOCKED:
            set_status(subtask, Subtask.Status.PENDING)
        if subtask.agent_id == claim.agent_id:
            subtask.agent_id = None
        update(subtask, "status", "completed_at", "agent_id")
        events += told_of(claim, kind) + told(subtask, EVENTS_OF_STATUS[subtask.status])
    return events


def told_of(claim: Claim, kind: type[ClaimEvent]) -> list[Addressed]:
    """To everyone, the holder, its session and that of the request."""
    request = claim.subtask.task.request
    sessions = [name for name in (claim.session_id, request.session_id) if name]
    event = kind(
        subtask_id=claim.subtask_id,
        project_id=request.project_id,
        agent_id=claim.agent_id,
        session_id=claim.session_id,
        token=claim.token,
        expires_at=claim.expires_at,
    )
    channels = [GLOBAL, agent_channel(claim.agent_id), *map(session_channel, sessions)]
    return [Addressed(event, channels)]
