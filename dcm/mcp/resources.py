"""What a host may read by address, and which events change it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from dcm.lib import wire
from dcm.lib.errors import DomainError
from dcm.mcp.caller import Caller
from dcm.mcp.tools.knowledge import MOST_DECISIONS, decisions_of, excerpts_of
from dcm.mcp.tools.messages import inbox_of
from realtime.channel_names import GLOBAL, agent_channel, session_channel
from realtime.events import (
    AgentBlocked,
    AgentUnblocked,
    ContextChanged,
    ContextDeleted,
    DecisionLogged,
    MessageExpired,
    MessageNew,
    MessageRead,
    QuestionAnswered,
    QuestionAsked,
    event_types,
)
from realtime.log import Entry
from sessions_app.briefs import generate_brief

MOST_MESSAGES = 100

_ADDRESS = re.compile(r"dcm://(agents|sessions)/([^/?#]+)/([a-z]+)")


class NoSuchResource(DomainError):
    message = "No such resource"


@dataclass(frozen=True)
class Kind:
    """One kind of resource. owner: agents or sessions. types: events that may change it.

    read(caller, id): the text.
    """

    owner: str
    name: str
    title: str
    mime_type: str
    read: Callable[[Caller, str], str]
    types: frozenset[str]

    @property
    def template(self) -> str:
        holder = "agent_id" if self.owner == "agents" else "session_id"
        return f"dcm://{self.owner}/{{{holder}}}/{self.name}"

    def address(self, owner_id: str) -> str:
        return f"dcm://{self.owner}/{quote(owner_id, safe='')}/{self.name}"


@dataclass(frozen=True)
class Resource:
    """A resource that an address names; its owner need not be known."""

    kind: Kind
    owner_id: str
    caller: Caller

    @classmethod
    def at(cls, address: str, caller: Caller) -> "Resource":
        """Raises NoSuchResource."""
        found = _ADDRESS.fullmatch(address)
        kind = _BY_PLACE.get((found[1], found[3])) if found else None
        try:
            # Half a surrogate pair is refused too: it has no form in UTF-8.
            owner_id = unquote(found[2], errors="strict") if found else ""
            owner_id.encode()
        except UnicodeError:
            raise NoSuchResource from None
        if kind is None or not wire.is_storable(owner_id):
            raise NoSuchResource
        return cls(kind, owner_id, caller)

    def read(self) -> str:
        return self.kind.read(self.caller, self.owner_id)

    @property
    def channels(self) -> set[str]:
        """Where its events are announced."""
        # A message to everyone is announced on `global` and to subscribers only.
        return {*self._own_channels, GLOBAL} if self.kind.owner == "agents" else self._own_channels

    def changes_with(self, entry: Entry) -> bool:
        if entry.type not in self.kind.types:
            return False
        if entry.type in _MESSAGES:
            return _reaches(entry, self.owner_id)
        return not self._own_channels.isdisjoint(entry.channels)

    @property
    def _own_channels(self) -> set[str]:
        if self.kind.owner == "sessions":
            return {session_channel(self.owner_id)}
        # Questions to anyone, and answers, are announced to the session.
        return {agent_channel(self.owner_id), session_channel(self.caller.session())}


def own_resources(caller: Caller) -> list[tuple[Kind, str]]:
    """What the caller need not look for: that of its agent and of its session, with addresses."""
    owners = {"agents": caller.agent_id, "sessions": caller.session()}
    return [(kind, kind.address(owner)) for kind in KINDS if (owner := owners[kind.owner])]


def _reaches(entry: Entry, agent_id: str) -> bool:
    """Whether a message's event is about the inbox of this agent."""
    data = json.loads(entry.data)
    if entry.type == MessageRead.type:
        return bool(data["read_by"] == agent_id)
    return data["to"] in (None, agent_id)


def _read_brief(caller: Caller, agent_id: str) -> str:
    session_id = caller.working_session(agent_id)
    return generate_brief(agent_id=agent_id, session_id=session_id).content


def _read_inbox(caller: Caller, agent_id: str) -> str:
    found = inbox_of(agent_id, caller.session(), limit=MOST_MESSAGES, mark_read=False)
    return wire.dump(found).decode()


def _read_context(caller: Caller, session_id: str) -> str:
    return wire.dump({"entries": excerpts_of(session_id)}).decode()


def _read_decisions(caller: Caller, session_id: str) -> str:
    return wire.dump({"decisions": decisions_of(session_id, MOST_DECISIONS)}).decode()


_MESSAGES = frozenset({MessageNew.type, MessageRead.type, MessageExpired.type})
_QUESTIONS = frozenset({QuestionAsked.type, QuestionAnswered.type})
_BLOCKS = frozenset({AgentBlocked.type, AgentUnblocked.type})
_SUBTASKS = frozenset(type_ for type_ in event_types() if type_.startswith("subtask."))

KINDS = [
    Kind(
        "agents",
        "brief",
        "What the agent should know now",
        "text/markdown",
        _read_brief,
        _MESSAGES | _QUESTIONS | _BLOCKS | _SUBTASKS | {DecisionLogged.type},
    ),
    Kind(
        "agents",
        "inbox",
        "Its unread messages, and the questions that wait for it; nothing is marked as read",
        "application/json",
        _read_inbox,
        _MESSAGES | _QUESTIONS,
    ),
    Kind(
        "sessions",
        "context",
        "What the session shares: keys, and how their values begin",
        "application/json",
        _read_context,
        frozenset({ContextChanged.type, ContextDeleted.type}),
    ),
    Kind(
        "sessions",
        "decisions",
        "What the session has decided, newest first",
        "application/json",
        _read_decisions,
        frozenset({DecisionLogged.type}),
    ),
]
_BY_PLACE = {(kind.owner, kind.name): kind for kind in KINDS}
