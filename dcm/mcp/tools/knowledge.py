"""What the agents of a session know together."""

from typing import Annotated, Any, Literal

import msgspec

from dcm.lib.body import NonEmpty
from dcm.mcp.caller import Caller
from dcm.mcp.tool import SessionCall, tool
from sessions_app.coordinator_objects import decision_object, entry_object
from sessions_app.coordinator_selectors import newest_decisions, shared_entry, shared_excerpts
from sessions_app.search import KINDS, LONGEST_QUERY, Found, Wanted
from sessions_app.search import search as find
from sessions_app.services.coordinator import EntryNotFound, log_decision, share_context

BEGINNING = 200
MOST_ENTRIES = 50
MOST_DECISIONS = 100
MOST_FOUND = 50


class ShareCall(SessionCall, kw_only=True):
    key: Annotated[NonEmpty, msgspec.Meta(description="Such as auth/flow")]
    value: str
    tags: list[str] = []


@tool(ShareCall, "Keep a value under a key for all agents of the session; replaces an older one.")
def share(caller: Caller, given: ShareCall) -> object:
    entry = share_context(
        session_id=caller.session(given.session_id),
        key=given.key,
        value=given.value,
        tags=given.tags,
        agent_id=caller.agent(given.agent_id),
    )
    return {"key": entry.key, "version": entry.version}


class RecallCall(SessionCall, kw_only=True):
    key: Annotated[NonEmpty, msgspec.Meta(description="The whole value of this key")] | None = None
    prefix: str = ""
    tags: list[str] = []


@tool(
    RecallCall,
    "What the session shares: one value, or without key all keys with how their values begin.",
    reads=True,
)
def recall(caller: Caller, given: RecallCall) -> object:
    session_id = caller.session(given.session_id)
    if given.key is None:
        return {"entries": excerpts_of(session_id, prefix=given.prefix, tags=given.tags)}
    entry = shared_entry(session_id, given.key)
    if entry is None:
        raise EntryNotFound
    return entry_object(entry)


def excerpts_of(
    session_id: str, *, prefix: str = "", tags: list[str] | None = None
) -> list[dict[str, Any]]:
    found = shared_excerpts(
        session_id, prefix=prefix, tags=tags or [], limit=MOST_ENTRIES, characters=BEGINNING
    )
    return [
        {
            "key": one.key,
            "tags": one.tags,
            "by": one.updated_by,
            "at": one.updated_at,
            "value": one.beginning,
            **({"characters": one.length} if one.length > BEGINNING else {}),
        }
        for one in found
    ]


class DecideCall(SessionCall, kw_only=True):
    decision: NonEmpty
    rationale: Annotated[str, msgspec.Meta(description="Why")] | None = None


@tool(DecideCall, "Log a decision, so that nobody decides it again.")
def decide(caller: Caller, given: DecideCall) -> object:
    logged = log_decision(
        session_id=caller.session(given.session_id),
        decision=given.decision,
        rationale=given.rationale,
        agent_id=caller.agent(given.agent_id),
    )
    return decision_object(logged)


class DecisionsCall(SessionCall, kw_only=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_DECISIONS)] = 20


@tool(DecisionsCall, "What the session has decided, newest first.", reads=True)
def decisions(caller: Caller, given: DecisionsCall) -> object:
    return {"decisions": decisions_of(caller.session(given.session_id), given.limit)}


def decisions_of(session_id: str, limit: int) -> list[dict[str, Any]]:
    return [decision_object(decision) for decision in newest_decisions(session_id, limit)]


class SearchCall(SessionCall, kw_only=True):
    query: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=LONGEST_QUERY, description='Words, "a phrase", or, -without'
        ),
    ]
    kinds: list[
        Literal[
            "request", "subtask", "action", "message", "entry", "question", "answer", "decision"
        ]
    ] = []
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_FOUND)] = 10


@tool(
    SearchCall,
    "Find what was asked, done, said, shared or decided, in all sessions or in one; best first.",
    reads=True,
)
def search(caller: Caller, given: SearchCall) -> object:
    wanted = Wanted(
        text=given.query,
        session_id=given.session_id,
        reader=given.agent_id or caller.agent_id,
        limit=given.limit,
        kinds=given.kinds or KINDS.keys(),
    )
    found, _ = find(wanted)
    return {"results": [_hit(one) for one in found]}


def _hit(found: Found) -> dict[str, Any]:
    """The words that were looked for stand between ** in the excerpt."""
    parts = [f"**{part.text}**" if part.is_match else part.text for part in found.excerpt]
    known = {"session_id": found.session_id, "by": found.agent_id, "label": found.label}
    return {
        "kind": found.kind,
        "id": found.id,
        "at": found.at,
        **{name: value for name, value in known.items() if value is not None},
        "excerpt": "".join(parts).strip(),
    }
