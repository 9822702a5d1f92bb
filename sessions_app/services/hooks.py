"""What an agent host tells by its hooks, as rows of ours. Contract: integrations 1.

Whatever an event needs is made when it is not there: hosts start before the server does, and are
restarted in the middle. Ids are derived from the host's own, so an event that comes twice changes
nothing the second time.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from dcm.lib.deadlocks import again_after_deadlock
from dcm.lib.postgresql.base import Queued
from dcm.lib.redaction.services import clean_event
from dcm.lib.statements import ask
from messaging.services.registry import end_agents_of
from projects.models import Request, Subtask, Task
from projects.services.actions import NewAction
from projects.services.claim_ends import drop_claims
from projects.services.claims import renew_claims
from projects.services.edits import renew_edits
from projects.services.leases import drop_leases
from projects.services.projects import upsert_project
from projects.services.requests import create_request, update_request
from projects.services.subtasks import create_subtask, update_subtask
from projects.services.tasks import create_task, update_task
from projects.tool_types import AGENT_TOOLS, classify, guess_prompt_type
from realtime.publish import Addressed, append
from sessions_app.agent_states import agent_of, sign_of
from sessions_app.briefs import Brief, generate_brief
from sessions_app.hook_events import HookEvent, as_label, as_text, cut, shorten
from sessions_app.models import Session, ToolStart
from sessions_app.services.attention import Attention, attend, listen
from sessions_app.services.compact import begin_compaction, end_compaction, restore_context
from sessions_app.services.edit_hooks import is_edit, opinion_on, place_of_project, place_of_session
from sessions_app.services.sessions import (
    find_or_create_session,
    resume_session,
    update_session,
)
from sessions_app.services.shell_hooks import report_writes

logger = logging.getLogger("dcm.hooks")

MOST_BRIEF_TOKENS = 2400  # hosts take 10,000 characters
MAIN_AGENT_TYPE = "developer"
STARTUP_PROMPT = "(begun before its first prompt was recorded)"
_NAMESPACE = uuid.UUID("6d8a5f0e-6d0c-4a8e-9b8e-0b4f4a1f6c55")

Reply = dict[str, Any]


def take_event(event: HookEvent) -> Reply:
    """Record the event without its secrets; what the host reads in answer, {} for no opinion.

    Tool calls that ended go by finished_call(). Publishes what the rows it changes publish, and
    what attend() does.
    """
    reply, attention = _take(event)
    if attention is None or not attention.is_needed:
        return reply
    handed = attend(attention)
    return reply if reply or not handed else _output(event, **handed)


@again_after_deadlock
@transaction.atomic
def _take(event: HookEvent) -> tuple[Reply, Attention | None]:
    event = _without_secrets(event)
    reply = _answer(event)
    _keep_what_it_holds(event)
    return reply, listen(event)


def _answer(event: HookEvent) -> Reply:
    if event.name == "SessionStart":
        return _start_session(event)
    if event.name == "PreToolUse":
        return _begin_call(event)
    take = _HANDLERS.get(event.name)
    if take is None:
        logger.debug("ignored: %s of session %s", event.name, event.session_id)
    else:
        take(event)
    return {}


def _keep_what_it_holds(event: HookEvent) -> None:
    if not event.is_late:
        agent_id = agent_of(event)
        renew_edits(session_id=event.session_id, agent_id=agent_id)
        renew_claims(
            agent_id=agent_id, session_id=event.session_id if agent_id == event.session_id else None
        )


class Finished(NamedTuple):
    """A tool call to record, and what is to be seen to once it is."""

    action: NewAction
    attention: Attention | None


_HAS_PLACE = """
SELECT EXISTS (SELECT FROM sessions_app_session
               WHERE id = %(session_id)s AND (project_id IS NOT NULL OR %(cwd)s::text IS NULL))
   AND (%(subtask_id)s::uuid IS NULL
        OR EXISTS (SELECT FROM projects_subtask WHERE id = %(subtask_id)s))
"""


@again_after_deadlock
def finished_call(event: HookEvent) -> Finished | None:
    """None when the event names no tool."""
    tool_name = event.label("tool_name")
    if tool_name is None:
        return None
    arrived_at = timezone.now()
    event = _without_secrets(event)
    agent_id = event.label("agent_id")
    subtask_id = _id_of(event, "subagent", agent_id) if agent_id else None
    with transaction.atomic():
        # One trip to the database, as long as nobody asks for the rows.
        place = ask(
            _HAS_PLACE,
            {"session_id": event.session_id, "cwd": event.cwd, "subtask_id": subtask_id},
        )
        started = _take_start(event)
        _keep_what_it_holds(event)
        attention = listen(event)
    if place.values != [(True,)]:
        subtask_id = _make_place(event)
    began_at, duration_ms = _began(event, started, arrived_at)
    tool_input = event.object("tool_input")
    tool = classify(tool_name, tool_input)
    tool_use_id = event.label("tool_use_id")
    action = NewAction(
        id=_id_of(event, "action", tool_use_id) if tool_use_id else None,
        tool_name=tool.name,
        tool_type=tool.type,
        input=as_text(tool_input) if tool_input else None,
        output=event.output,
        file_paths=event.file_paths,
        exit_code=event.exit_code,
        duration_ms=duration_ms,
        subtask_id=subtask_id,
        session_id=event.session_id,
        project_path=event.cwd,
        created_at=event.at,
    )
    return Finished(action, attention and replace(attention, began_at=began_at))


@transaction.atomic
def _make_place(event: HookEvent) -> uuid.UUID | None:
    """The event's session, and the id of its subagent's subtask if it has any."""
    subtask = _subtask_of_subagent(event, _session(event))
    return subtask.id if subtask else None


def after_call(event: HookEvent, attention: Attention | None, files: list[str]) -> Reply:
    """What the host reads in answer to a call that was recorded. files: that a shell wrote.

    Publishes what report_writes() and attend() do.
    """
    hint = report_writes(event, files) if files else None
    needed = attention is not None and attention.is_needed
    handed = attend(attention).get("additionalContext") if attention and needed else None
    told = [text for text in (hint, handed) if text]
    return _output(event, additionalContext="\n\n".join(told)) if told else {}


def _without_secrets(event: HookEvent) -> HookEvent:
    fields = {name: shorten(value) for name, value in event.fields.items()}
    return replace(event, fields=clean_event(fields))


# --- sessions and requests --------------------------------------------------------------------


def _start_session(event: HookEvent) -> Reply:
    _session(event)
    if event.text("source") not in {"resume", "compact", "fork"}:
        return {}
    brief = _restored(event) if event.text("source") == "compact" else _brief(event)
    return _output(event, additionalContext=brief.content)


def _output(event: HookEvent, **fields: Any) -> Reply:
    return {"hookSpecificOutput": {"hookEventName": event.fields["hook_event_name"], **fields}}


def _brief(event: HookEvent) -> Brief:
    return generate_brief(
        agent_id=agent_of(event),
        session_id=event.session_id,
        agent_type=_agent_type(event),
        max_tokens=MOST_BRIEF_TOKENS,
    )


def _restored(event: HookEvent) -> Brief:
    """Without the summary: the host itself has that."""
    restored = restore_context(
        session_id=event.session_id,
        agent_id=agent_of(event),
        agent_type=_agent_type(event),
        max_tokens=MOST_BRIEF_TOKENS,
    )
    return restored.brief


def _begin_request(event: HookEvent) -> None:
    session = _session(event, locked=True)
    prompt, prompt_id = event.text("prompt"), event.label("prompt_id")
    if prompt is None or session.project_id is None:
        return
    request_id = _id_of(event, "request", prompt_id) if prompt_id else uuid.uuid4()
    if Request.objects.filter(id=request_id).exists():
        return
    _end_requests(event, Request.Status.COMPLETED)
    create_request(
        id=request_id,
        project_id=session.project_id,
        session_id=session.id,
        prompt=cut(prompt),
        prompt_type=guess_prompt_type(prompt),
        created_at=event.at,
    )


def _end_turn(event: HookEvent) -> None:
    _session(event, locked=True)
    failed = event.name == "StopFailure"
    _end_requests(event, Request.Status.FAILED if failed else Request.Status.COMPLETED)


def _end_session(event: HookEvent) -> None:
    session = _session(event, locked=True)
    _end_requests(event, Request.Status.COMPLETED)
    told = drop_claims(session_id=event.session_id)
    told += drop_leases(session_id=event.session_id)
    reason = sign_of(event).reason
    told += end_agents_of(event.session_id, reason=reason, event=event.name)
    if session.ended_at is None:
        update_session(event.session_id, ended_at=event.at)
    append(told)


def _begin_compaction(event: HookEvent) -> None:
    _session(event)
    begin_compaction(
        session_id=event.session_id,
        agent_id=agent_of(event),
        agent_type=_agent_type(event),
        trigger=event.label("trigger"),
    )


def _end_compaction(event: HookEvent) -> None:
    _session(event)
    end_compaction(
        session_id=event.session_id,
        agent_id=agent_of(event),
        agent_type=_agent_type(event),
        summary=as_text(event.fields.get("compact_summary")),
        at=event.at,
    )


# --- tool calls -------------------------------------------------------------------------------


def _begin_call(event: HookEvent) -> Reply:
    opinion = _opinion_on_edit(event) if is_edit(event) else {}
    if opinion.get("permissionDecision") != "deny":  # else it does not begin
        _note_start(event)
    return _output(event, **opinion) if opinion else {}


def _opinion_on_edit(event: HookEvent) -> dict[str, Any]:
    place = place_of_session(event.session_id)
    if place is None and event.cwd:
        # The session is made by a later event: to make one is to publish, and leases come before.
        place = place_of_project(_project_id(event.cwd))
    return opinion_on(event, agent_id=agent_of(event), place=place) if place else {}


def _note_start(event: HookEvent) -> None:
    tool_use_id = event.label("tool_use_id")
    if tool_use_id is None:
        return
    starts_subagent = event.label("tool_name") in AGENT_TOOLS
    tool_input = event.object("tool_input") if starts_subagent else {}
    start = {
        "tool_use_id": tool_use_id,
        "session_id": event.session_id,
        "agent_type": as_label(tool_input.get("subagent_type")),
        "description": as_text(tool_input.get("description") or tool_input.get("prompt")),
    }
    ask(_NOTE_START, start)


_NOTE_START = """
INSERT INTO sessions_app_toolstart (tool_use_id, session_id, agent_type, description, started_at)
VALUES (%(tool_use_id)s, %(session_id)s, %(agent_type)s, %(description)s, clock_timestamp())
ON CONFLICT DO NOTHING
"""
_TAKE_START = """
DELETE FROM sessions_app_toolstart WHERE tool_use_id = %(tool_use_id)s RETURNING started_at
"""


def _take_start(event: HookEvent) -> Queued | None:
    tool_use_id = event.label("tool_use_id")
    return ask(_TAKE_START, {"tool_use_id": tool_use_id}) if tool_use_id else None


def _began(
    event: HookEvent, started: Queued | None, arrived_at: datetime
) -> tuple[datetime | None, int | None]:
    """When the call began, and how many milliseconds it took.

    As the host measured it, else since its start was told.
    """
    if event.duration_ms is not None:
        return arrived_at - timedelta(milliseconds=event.duration_ms), event.duration_ms
    for (started_at,) in started.values if started else []:
        return started_at, max(0, round((arrived_at - started_at).total_seconds() * 1000))
    return None, None


# --- subagents and the host's own tasks -------------------------------------------------------


def _start_subagent(event: HookEvent) -> None:
    _subtask_of_subagent(event, _session(event, locked=True))


def _stop_subagent(event: HookEvent) -> None:
    session = _session(event, locked=True)
    # Before anything is published, as below; a session's main agent does not end so.
    agent_id = event.label("agent_id")
    released = _drop_all(event.session_id, agent_id) if agent_id else []
    subtask = _subtask_of_subagent(event, session)
    if subtask is not None:
        message = as_text(event.fields.get("last_assistant_message"))
        _complete(subtask, {"message": message} if message else None)
    append(released)


def _drop_all(session_id: str, agent_id: str) -> list[Addressed]:
    claims = drop_claims(session_id=session_id, agent_id=agent_id)
    return claims + drop_leases(session_id=session_id, agent_id=agent_id)


def _create_host_task(event: HookEvent) -> None:
    _host_task(event)


def _complete_host_task(event: HookEvent) -> None:
    subtask = _host_task(event)
    if subtask is not None:
        _complete(subtask, None)


def _host_task(event: HookEvent) -> Subtask | None:
    task_id = event.label("task_id")
    if task_id is None:
        return None
    description = event.text("task_subject") or event.text("task_description") or task_id
    return _subtask(
        _session(event),
        subtask_id=_id_of(event, "task", task_id),
        description=lambda: description,
        agent_id=event.label("teammate_name"),
        status=Subtask.Status.PENDING,
        is_claimable=False,
    )


def _subtask_of_subagent(event: HookEvent, session: Session) -> Subtask | None:
    """The subtask of the subagent that the event is about; None when it is about the main one."""
    agent_id = event.label("agent_id")
    if agent_id is None:
        return None
    agent_type = event.label("agent_type")
    return _subtask(
        session,
        subtask_id=_id_of(event, "subagent", agent_id),
        description=lambda: _assignment(event, agent_type) or f"Subagent {agent_type or agent_id}",
        agent_id=agent_id,
        agent_type=agent_type,
        status=Subtask.Status.RUNNING,
    )


def _subtask(
    session: Session,
    *,
    subtask_id: uuid.UUID,
    description: Callable[[], str],
    **columns: Any,
) -> Subtask | None:
    """Found, or made in the wave that is under way; None in a session without a project."""
    known = Subtask.objects.select_related("task").filter(id=subtask_id).first()
    if known is not None:
        return known
    _held(session.id)  # of two events that both miss it, one makes it
    known = Subtask.objects.select_related("task").filter(id=subtask_id).first()
    if known is not None or session.project_id is None:
        return known
    task = _current_wave(_current_request(session, session.project_id))
    return create_subtask(id=subtask_id, task_id=task.id, description=description(), **columns)


def _assignment(event: HookEvent, agent_type: str | None) -> str | None:
    """What the oldest call that starts an agent of this type, and that none took yet, asks for."""
    starts = ToolStart.objects.filter(session_id=event.session_id, description__isnull=False)
    start = starts.filter(agent_type=agent_type).order_by("started_at").first()
    if start is None:
        return None
    ToolStart.objects.filter(tool_use_id=start.tool_use_id).update(description=None)
    return start.description


def _current_request(session: Session, project_id: uuid.UUID) -> Request:
    requests = Request.objects.filter(session_id=session.id)
    newest = requests.order_by("-created_at", "id").first()
    return newest or create_request(
        project_id=project_id,
        session_id=session.id,
        prompt=STARTUP_PROMPT,
        prompt_type=Request.PromptType.OTHER,
    )


def _current_wave(request: Request) -> Task:
    """Agents at work side by side are one wave; who starts after all ended begins another."""
    running = request.tasks.filter(status=Task.Status.RUNNING).order_by("wave_number").last()
    return running or create_task(request_id=request.id, status=Task.Status.RUNNING)


def _complete(subtask: Subtask, result: dict[str, Any] | None) -> None:
    """And its wave, if this was the last open subtask of it."""
    # Before anything is published: who changes the wave holds it while waiting for the log.
    list(Task.objects.select_for_update(no_key=True).filter(id=subtask.task_id))
    update_subtask(subtask.id, status=Subtask.Status.COMPLETED, result=result)
    siblings = Subtask.objects.filter(task_id=subtask.task_id)
    if not siblings.exclude(status__in=Subtask.TERMINAL).exists():
        update_task(subtask.task_id, status=Task.Status.COMPLETED)


def _end_requests(event: HookEvent, status: str) -> None:
    requests = Request.objects.filter(session_id=event.session_id, status=Request.Status.ACTIVE)
    for request_id in requests.order_by("id").values_list("id", flat=True):
        update_request(request_id, status=status, at=event.at)


# --- sessions ---------------------------------------------------------------------------------


def _session(event: HookEvent, *, locked: bool = False) -> Session:
    """The event's session, made when it is not there; one that had ended goes on when it begins.

    locked: until the commit no other event of the session changes its work tree.
    """
    session = _held(event.session_id) if locked else _found(event.session_id)
    if session is None or (session.project_id is None and event.cwd):
        project_id = _project_id(event.cwd) if event.cwd else None
        session = find_or_create_session(
            session_id=event.session_id, project_id=project_id, started_at=event.at
        )
        if locked:
            session = _held(session.id) or session
    if session.ended_at is not None and event.name in _BEGINNINGS:
        session = resume_session(session.id)
    return session


# Others may come late: hosts do not wait for their hooks.
_BEGINNINGS = frozenset({"SessionStart", "UserPromptSubmit"})


def _found(session_id: str) -> Session | None:
    return Session.objects.filter(id=session_id).first()


def _held(session_id: str) -> Session | None:
    return Session.objects.select_for_update(no_key=True).filter(id=session_id).first()


def _project_id(path: str) -> uuid.UUID:
    return upsert_project(path=path, name=PurePosixPath(path).name or None).id


def _agent_type(event: HookEvent) -> str:
    return event.label("agent_type") or MAIN_AGENT_TYPE


def _id_of(event: HookEvent, kind: str, host_id: str) -> uuid.UUID:
    """Always the same for what the host calls by this id in this session."""
    return uuid.uuid5(_NAMESPACE, "\n".join((event.session_id, kind, host_id)))


_HANDLERS: dict[str, Callable[[HookEvent], None]] = {
    "UserPromptSubmit": _begin_request,
    "SubagentStart": _start_subagent,
    "SubagentStop": _stop_subagent,
    "TaskCreated": _create_host_task,
    "TaskCompleted": _complete_host_task,
    "PreCompact": _begin_compaction,
    "PostCompact": _end_compaction,
    "Stop": _end_turn,
    "StopFailure": _end_turn,
    "SessionEnd": _end_session,
}
