"""What a hook says of its agent: its state, what it has seen. Pure. Contract: integrations 1."""

import time
from datetime import datetime

from messaging.models import Agent
from messaging.services.delivery import Occasion
from messaging.services.registry import Sign
from projects.tool_types import AGENT_TOOLS
from sessions_app.hook_events import HookEvent, as_label

State = Agent.State

BEFORE_CALLS = frozenset({"PreToolUse"})
AFTER_CALLS = frozenset({"PostToolUse", "PostToolUseFailure"})
CALLS = BEFORE_CALLS | AFTER_CALLS
ENDS_OF_TURNS = frozenset({"Stop", "SubagentStop"})
REVIVES = frozenset({"SessionStart", "UserPromptSubmit", "SubagentStart"})
"""Other events may come late, and bring back nobody who has ended."""

ASKING_TOOLS = frozenset({"AskUserQuestion", "ExitPlanMode"})
ASKING_NOTICES = frozenset({"permission_prompt", "agent_needs_input", "elicitation_dialog"})
LARGEST_SKEW_MS = 2**31 - 1


def agent_of(event: HookEvent) -> str:
    """A session's main agent goes by the session's own id."""
    return event.label("agent_id") or event.session_id


def sign_of(event: HookEvent) -> Sign:
    state, reason = _state(event)
    return Sign(
        session_id=event.session_id,
        agent_id=agent_of(event),
        event=event.name,
        state=state,
        reason=reason,
        agent_type=event.label("agent_type"),
        model=event.label("model"),
        machine=as_label(event.courier.get("machine")),
        skew_ms=_skew_ms(event),
    )


def sign_of_child(event: HookEvent) -> Sign | None:
    """Of the subagent that this call of a tool has started."""
    started = event.object("tool_response")
    agent_id = as_label(started.get("agentId"))
    if agent_id is None or event.label("tool_name") not in AGENT_TOOLS:
        return None
    has_ended = started.get("status") == "completed"
    return Sign(
        session_id=event.session_id,
        agent_id=agent_id,
        event=event.name,
        state=State.ENDED if has_ended else None,
        reason="finished" if has_ended else "was started",
        agent_type=as_label(event.object("tool_input").get("subagent_type")),
        model=as_label(started.get("resolvedModel")),
        parent=agent_of(event),
    )


def _state(event: HookEvent) -> tuple[str | None, str]:
    tool = event.label("tool_name") or "a tool"
    match event.name:
        case "PreToolUse" if tool in ASKING_TOOLS:
            return State.WAITING, f"asks the user by {tool}"
        case "PreToolUse" | "PostToolUse" | "PostToolUseFailure":
            return State.WORKING, f"went on with {tool}"
        case "PermissionRequest":
            return State.WAITING, f"asks whether it may use {tool}"
        case "UserPromptSubmit":
            return State.WORKING, "was given a prompt"
        case "SubagentStart":
            return State.WORKING, "was started"
        case "SubagentStop":
            return State.ENDED, "finished"
        case "SessionStart" if event.text("source") != "compact":
            return State.IDLE, f"began ({event.label('source') or 'startup'})"
        case "Stop":
            return State.IDLE, "finished its turn"
        case "StopFailure":
            return State.IDLE, f"its turn failed ({event.label('error') or 'no reason told'})"
        case "SessionEnd":
            return State.ENDED, f"its session ended ({event.label('reason') or 'no reason told'})"
        case "Notification":
            return _state_of_notice(event)
    return None, ""


def _state_of_notice(event: HookEvent) -> tuple[str | None, str]:
    kind, text = event.label("notification_type"), event.text("message") or ""
    if kind in ASKING_NOTICES or (kind is None and "permission" in text):
        return State.WAITING, "waits for the user's permission or answer"
    if kind == "idle_prompt" or (kind is None and "waiting for your input" in text):
        return State.IDLE, "waits for a prompt"
    return None, ""


def occasion_of(event: HookEvent, *, began_at: datetime | None) -> Occasion:
    """What the hook is good for. began_at: when its tool call began, if that is known."""
    answered = not (event.is_late or event.is_spooled)  # else nobody reads the reply
    is_stop = event.fields.get("hook_event_name") == "Stop" and "turn_id" not in event.fields
    may_go_on = is_stop and event.fields.get("stop_hook_active") is not True
    carrier = event.label("tool_use_id") or event.label("prompt_id")
    return Occasion(
        proves=event.name in CALLS | ENDS_OF_TURNS and not event.is_spooled,
        forgets=event.name == "SessionStart",
        carries=answered and (event.name in AFTER_CALLS | {"UserPromptSubmit"} or may_go_on),
        only_urgent=may_go_on,
        began_at=began_at,
        carrier=carrier,
        repeated=event.is_spooled and carrier is not None,
    )


def _skew_ms(event: HookEvent) -> int | None:
    """By how much our clock is ahead of the sender's, the way here included."""
    sent_at = event.courier.get("sent_at_ms")
    if not isinstance(sent_at, int) or isinstance(sent_at, bool) or event.is_spooled:
        return None
    skew = round(time.time() * 1000) - sent_at
    return skew if abs(skew) <= LARGEST_SKEW_MS else None
