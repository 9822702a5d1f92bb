"""The tools of the coordinator's own bridge, under its names. Contract: coordinator 7.

Each is one procedure of the coordinator. The bridge remembers who joined; here the address names
the agent (`?agent_id=`), or the call does, as `agentId`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dcm.lib import wire
from dcm.mcp.caller import Caller
from dcm.mcp.tool import Outcome, sentence
from sessions_app.models import CoordinatedAgent
from sessions_app.trpc.frames import Call
from sessions_app.trpc.procedures import PROCEDURES, call_procedure
from sessions_app.trpc.procedures import Caller as CoordinatorCaller
from sessions_app.trpc.schema import UUID_PATTERN, InvalidInput

TEXT = {"type": "string"}
SOME_TEXT = {"type": "string", "minLength": 1}
UUID = {"type": "string", "format": "uuid"}
TEXTS = {"type": "array", "items": TEXT}
ROLE = {"type": "string", "enum": list(CoordinatedAgent.Role.values)}

JOIN_FIRST = "Join the session first, with coordinator_join, and give its agent.id as agentId"


@dataclass(frozen=True)
class BridgeTool:
    """shown: under which name a success holds the result; null: the result is the reply."""

    name: str
    description: str
    path: str
    shown: str | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    acts: bool = False  # for an agent, which must have joined

    @property
    def reads(self) -> bool:
        return PROCEDURES[self.path].method == "query"

    @property
    def schema(self) -> dict[str, Any]:
        acting = {"agentId": UUID} if self.acts else {}
        required = [name for name in self.properties if name not in self.optional]
        return {
            "type": "object",
            "properties": {**self.properties, **acting},
            **({"required": required} if required else {}),
        }

    def call(self, caller: Caller, arguments: Mapping[str, Any]) -> Outcome:
        given = dict(arguments)
        if self.acts and "agentId" not in given:
            if not re.fullmatch(UUID_PATTERN, caller.agent_id or ""):
                return _failure(JOIN_FIRST)
            given["agentId"] = caller.agent_id
        asked = Call(1, False, PROCEDURES[self.path].method, self.path, given)
        try:
            result = call_procedure(asked, CoordinatorCaller(caller.session()))
        except InvalidInput as error:
            return Outcome(f"MCP error -32602: Invalid arguments for {self.name}: {error}", True)
        except Exception as error:  # noqa: BLE001  every error is told to the model
            return _failure(sentence(error, failure=f"{self.name} failed"))
        reply = result if self.shown is None else {self.shown: result}
        return Outcome(wire.dump({"success": True, **reply}).decode())


def _failure(text: str) -> Outcome:
    return Outcome(wire.dump({"success": False, "error": text}).decode(), failed=True)


BRIDGE_TOOLS = [
    BridgeTool(
        "coordinator_join",
        "Join the session. Give the agent.id of the reply as agentId from then on.",
        "session.join",
        None,
        {"name": SOME_TEXT, "role": ROLE, "repoPath": SOME_TEXT},
    ),
    BridgeTool("coordinator_leave", "Leave the session.", "session.leave", None, acts=True),
    BridgeTool("coordinator_list_agents", "Who is in the session.", "session.list", "agents"),
    BridgeTool(
        "coordinator_share_context",
        "Share a value under a key; replaces an older one.",
        "context.share",
        "entry",
        {"key": SOME_TEXT, "value": TEXT, "tags": TEXTS},
        optional=("tags",),
        acts=True,
    ),
    BridgeTool(
        "coordinator_get_context",
        "The value shared under a key, null when there is none.",
        "context.get",
        "entry",
        {"key": SOME_TEXT},
    ),
    BridgeTool(
        "coordinator_list_context",
        "All shared values, or those with all of these tags, or of one agent.",
        "context.list",
        "entries",
        {"tags": TEXTS, "createdBy": UUID},
        optional=("tags", "createdBy"),
    ),
    BridgeTool(
        "coordinator_ask",
        "Ask an agent of the session, or all of them.",
        "questions.ask",
        "question",
        {"question": SOME_TEXT, "to": UUID},
        optional=("to",),
        acts=True,
    ),
    BridgeTool(
        "coordinator_answer",
        "Answer a question.",
        "questions.answer",
        "question",
        {"questionId": UUID, "answer": SOME_TEXT},
        acts=True,
    ),
    BridgeTool(
        "coordinator_pending_questions",
        "Questions without an answer; with agentId only those that this agent may answer.",
        "questions.listPending",
        "questions",
        {"agentId": UUID},
        optional=("agentId",),
    ),
    BridgeTool(
        "coordinator_log_decision",
        "Log a decision.",
        "decisions.log",
        "decision",
        {"decision": SOME_TEXT, "rationale": TEXT},
        optional=("rationale",),
        acts=True,
    ),
    BridgeTool("coordinator_list_decisions", "All decisions.", "decisions.list", "decisions"),
]
