"""Files of others that a shell command wrote: told afterwards. Decision 0014."""

from django.db import transaction

from dcm.lib.deadlocks import again_after_deadlock
from dcm.lib.redaction.services import clean_text
from projects.models import Lease, LeaseBook
from projects.path_patterns import path_in_project
from projects.services.edits import begin_edit
from projects.services.lease_book import TooManyLeases
from projects.services.leases import in_words
from projects.services.projects import ProjectNotFound
from realtime.channel_names import GLOBAL, agent_channel, session_channel
from realtime.events import LeaseConflict
from realtime.publish import Addressed, append
from sessions_app.hook_events import HookEvent
from sessions_app.services.edit_hooks import Place, place_of_session
from sessions_app.shell_writes import written_files

SHELLS = frozenset({"Bash"})
MOST_TOLD = 5


def files_written(event: HookEvent) -> list[str]:
    """By the shell command that ended well just now; nothing by any other event."""
    command = event.object("tool_input").get("command")
    if event.name != "PostToolUse" or event.label("tool_name") not in SHELLS or event.is_late:
        return []
    if not isinstance(command, str) or event.cwd is None:
        return []
    return written_files(clean_text(command), folder=event.cwd)


def report_writes(event: HookEvent, files: list[str]) -> str | None:
    """A hint for the model, when others hold some of these. What was free is the agent's now.

    Publishes lease.conflict for each file that somebody else holds.
    """
    place = place_of_session(event.session_id)
    if place is None or place.mode == LeaseBook.Mode.OFF:
        return None
    agent_id = event.label("agent_id") or event.session_id
    against: dict[str, Lease] = {}
    for path in files:
        inside = path_in_project(path, project_path=place.project_path, folder=event.cwd or "")
        if inside and (lease := _edited(place, inside, agent_id, event.session_id)):
            against[inside] = lease
    if not against:
        return None
    _announce(place, agent_id, event.session_id, list(against.values()))
    told = [f"{path}: {in_words(lease)}" for path, lease in list(against.items())[:MOST_TOLD]]
    more = f" (and {len(against) - MOST_TOLD} more)" if len(against) > MOST_TOLD else ""
    return (
        f"This command wrote files that another agent holds{more}. Tell its holder what changed, or"
        " undo it: " + "; ".join(told) + "."
    )


# One transaction for each: the event log is locked last, leases come before.
@again_after_deadlock
@transaction.atomic
def _edited(place: Place, path: str, agent_id: str, session_id: str) -> Lease | None:
    try:
        against = begin_edit(
            project_id=place.project_id,
            path=path,
            agent_id=agent_id,
            session_id=session_id,
            last_token=place.last_token,
        )
    except (ProjectNotFound, TooManyLeases):
        return None
    return against[0] if against else None


@transaction.atomic
def _announce(place: Place, agent_id: str, session_id: str, leases: list[Lease]) -> None:
    append(
        [
            Addressed(
                LeaseConflict(
                    lease_id=lease.id,
                    project_id=place.project_id,
                    agent_id=agent_id,
                    session_id=session_id,
                    holder=lease.agent_id,
                ),
                [
                    GLOBAL,
                    agent_channel(lease.agent_id),
                    agent_channel(agent_id),
                    session_channel(session_id),
                ],
            )
            for lease in leases
        ]
    )
