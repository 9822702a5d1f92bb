"""What a run is made of. Texts may hold `${name}`: an id of this run, or one that a reply gave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

FOLDER = "/home/mia/shop"
LEAD = "lead"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request, `wait` seconds after the one before.

    says: what it shows, by whom; "" shows nothing. keep: names for parts of the reply, such as
    "agent.id". opens, closes: what a run that is cut short has to end.
    """

    method: str = "POST"
    path: str
    body: Mapping[str, Any] | None = None
    who: str = LEAD
    says: str = ""
    wait: float = 0.6
    keep: Mapping[str, str] = field(default_factory=dict)
    opens: str = ""
    closes: str = ""


def hook(name: str, *, who: str = LEAD, says: str = "", **fields: Any) -> Step:
    """An event of the agent host."""
    event = {
        "hook_event_name": name,
        "session_id": "${session}",
        "cwd": FOLDER,
        "permission_mode": "acceptEdits",
    }
    if who != LEAD:
        event |= {"agent_id": f"{who}-${{run}}", "agent_type": who}
    return Step(path="/api/hooks/claude-code", body=event | fields, who=who, says=says)


def begin_session() -> Step:
    step = hook("SessionStart", says="starts a session", source="startup", model="claude-opus")
    return replace(step, opens="session")


def end_session() -> Step:
    return replace(hook("SessionEnd", says="ends the session", reason="other"), closes="session")


def call(
    who: str,
    tool: str,
    says: str,
    tool_input: Mapping[str, Any],
    *,
    seconds: float = 0.8,
    error: str | None = None,
    **answer: Any,
) -> Sequence[Step]:
    """A tool call: it begins, and so many seconds later it ends, well unless there is an error."""
    # The same text in one run is the same call, so that a tool that is used twice has two.
    use: dict[str, Any] = {
        "tool_name": tool,
        "tool_input": tool_input,
        "tool_use_id": f"${{run}} {who} {says}",
    }
    begin = hook("PreToolUse", who=who, **use)
    if error is not None:
        end = hook("PostToolUseFailure", who=who, says=f"{says}: fails", error=error, **use)
    else:
        end = hook("PostToolUse", who=who, says=says, tool_response=answer, **use)
    return [begin, replace(end, wait=seconds)]


def start(who: str, task: str) -> Sequence[Step]:
    """The main agent starts another."""
    tool_input = {"subagent_type": who, "description": task, "prompt": f"{task}. Report briefly."}
    use: dict[str, Any] = {
        "tool_name": "Agent",
        "tool_input": tool_input,
        "tool_use_id": f"${{run}} start {who}",
    }
    begin = hook("SubagentStart", who=who, says=f"starts: {task}")
    return [hook("PreToolUse", **use), replace(begin, opens=who)]


def stop(who: str, message: str) -> Sequence[Step]:
    """The agent reports, and the call that started it ends."""
    end = hook("SubagentStop", who=who, says=f"is done: {message}", last_assistant_message=message)
    ended = hook(
        "PostToolUse",
        tool_name="Agent",
        tool_input={"subagent_type": who},
        tool_use_id=f"${{run}} start {who}",
        tool_response={"status": "completed", "content": message},
    )
    return [replace(end, closes=who), ended]


def message(
    who: str,
    text: str,
    *,
    to: str | None = None,
    topic: str = "workflow.progress",
    priority: int = 3,
) -> Step:
    body = {
        "from_agent": f"{who}-${{run}}",
        "to_agent": to and f"{to}-${{run}}",
        "topic": topic,
        "content": {"text": text},
        "priority": priority,
        "ttl_seconds": 3600,
    }
    return Step(path="/api/messages", body=body, who=who, says=f"to {to or 'all'}: {text}")


def coordinate(
    who: str,
    method: str,
    path: str,
    says: str,
    *,
    keep: Mapping[str, str] | None = None,
    **body: Any,
) -> Step:
    """A request to the coordinator, below the session's own address."""
    address = f"/api/sessions/${{session}}/{path}"
    return Step(method=method, path=address, body=body, who=who, says=says, keep=keep or {})


def join(who: str, role: str) -> Step:
    says = f"joins the coordinator as {role}"
    step = coordinate(
        who, "POST", "agents", says, keep={who: "agent.id"}, name=who, role=role, repo_path=FOLDER
    )
    return replace(step, opens=f"seat of {who}")


def leave(who: str) -> Step:
    step = Step(
        method="DELETE",
        path=f"/api/sessions/${{session}}/agents/${{{who}}}",
        who=who,
        says="leaves",
    )
    return replace(step, closes=f"seat of {who}")
