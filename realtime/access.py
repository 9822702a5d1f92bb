"""Who a socket is, and what it may hear and say. Contract: websocket 4.2, 5, W09."""

from dataclasses import replace
from typing import Any

from django.conf import settings

from dcm.lib.keys.callers import ANYBODY, Caller
from dcm.lib.keys.ring import ring
from realtime.channel_names import METRICS, agent_channel, is_channel
from realtime.frames import Frame, Refused, quote
from realtime.services import CLIENT_EVENTS
from realtime.tokens import Identity, InvalidToken, read_token

LONGEST_CHANNEL = 1_000

ALL_PROJECTS = frozenset({"global", "metrics", "topics"})
"""Kinds of channels whose events come from every project."""

AGENT = Caller("", is_operator=False)
"""Whoever has a token that was made without a key."""


class TokenRejected(Refused):
    message = "Invalid or expired token"
    code = "4001"


class TokenRequired(Refused):
    message = "Token required in production mode"
    code = "4002"


class NoIdentity(Refused):
    message = "Missing token or agent_id"
    code = "4003"


class InvalidIdentity(Refused):
    message = "Invalid agent_id or session_id: too long, or not storable"
    code = "INVALID_IDENTITY"


class TooManySockets(Refused):
    message = "Too many sockets with tokens of this API key"
    code = "TOO_MANY_CONNECTIONS"


class InvalidChannel(Refused):
    """Text: `Invalid channel format: agents/`."""

    code = "INVALID_CHANNEL"


class InvalidEvent(Refused):
    """Text: `Invalid event type: tea.ready`."""

    code = "INVALID_EVENT"


class NotAuthorized(Refused):
    code = "NOT_AUTHORIZED"


async def identify(request: Frame, session_id: str | None) -> tuple[Identity, Caller]:
    """Who sends this auth frame, and what the key behind its token may reach.

    session_id: what the socket said before, in its URL say.

    A token that is no good is not made up for by an agent_id. Raises Refused.
    """
    token, agent_id = request.get("token"), request.get("agent_id")
    if token not in (None, ""):
        try:
            proven = read_token(token)
        except InvalidToken:
            raise TokenRejected from None
        caller = await _caller_behind(proven)
        # A key that is limited to projects was asked about the session that its token names.
        claimed = session_id if caller.projects is None else None
        bound = replace(proven, session_id=proven.session_id or claimed)
        return _checked(bound), caller
    if not isinstance(agent_id, str) or not agent_id:
        raise NoIdentity
    if settings.PRODUCTION:
        raise TokenRequired
    named = request.get("session_id")
    chosen = named if isinstance(named, str) and named else session_id
    return _checked(Identity(agent_id, chosen)), ANYBODY


async def _caller_behind(identity: Identity) -> Caller:
    """Raises TokenRejected once the key is revoked or expired, or may not speak for the agent."""
    if not identity.key_id:
        return AGENT if settings.PRODUCTION else ANYBODY
    caller = await ring.caller_of(identity.key_id)
    if caller is None or not caller.may_act_as(identity.agent_id):
        raise TokenRejected
    return caller


def _checked(identity: Identity) -> Identity:
    for name in (identity.agent_id, identity.session_id or "none"):
        channel = agent_channel(name)
        if len(channel) > LONGEST_CHANNEL or not is_channel(channel):
            raise InvalidIdentity
    return identity


def check_hearing(channel: str, identity: Identity | None, caller: Caller = ANYBODY) -> None:
    """Raises NotAuthorized unless this client may subscribe to the channel."""
    kind, _, name = channel.partition("/")
    if kind == "agents" and (identity is None or not _may_watch(name, identity, caller)):
        raise NotAuthorized("Not authorized to subscribe to this agent channel")
    if kind == "sessions" and (identity is None or not _may_attend(name, identity, caller)):
        raise NotAuthorized("Not authorized to subscribe to this session channel")
    if kind in ALL_PROJECTS and not _may_hear_all_projects(identity, caller):
        raise NotAuthorized("Not authorized to subscribe to this channel")


def may_hear(channel: str, identity: Identity | None, caller: Caller = ANYBODY) -> bool:
    try:
        check_hearing(channel, identity, caller)
    except NotAuthorized:
        return False
    return True


def _may_watch(agent_id: str, identity: Identity, caller: Caller) -> bool:
    if agent_id == identity.agent_id:
        return True
    # In development any agent may watch any other, as people debugging a team do.
    return caller.is_operator and caller.projects is None


def _may_attend(session_id: str, identity: Identity, caller: Caller) -> bool:
    if identity.session_id is None:
        return caller.projects is None
    return identity.session_id == session_id


def _may_hear_all_projects(identity: Identity | None, caller: Caller) -> bool:
    if identity is None:
        return not settings.PRODUCTION
    return caller.projects is None


def check_saying(channel: str, identity: Identity | None, caller: Caller = ANYBODY) -> None:
    """Raises NotAuthorized unless this client may publish on the channel."""
    kind, _, name = channel.partition("/")
    anybody = kind in ("global", "topics")
    if identity is None and (settings.PRODUCTION or not anybody):
        raise NotAuthorized("Not authorized to publish to this channel")
    if channel == METRICS:  # the server's own figures
        raise NotAuthorized("Not authorized to publish to this channel")
    if caller.projects is not None:
        own = identity is not None and (kind, name) in (
            ("agents", identity.agent_id),
            ("sessions", identity.session_id),
        )
        if not own:
            raise NotAuthorized("Not authorized to publish to this channel")


def channel_of(request: Frame, key: str = "channel") -> str:
    """The channel that a request names. Raises InvalidChannel."""
    channel: Any = request.get(key)
    if not is_channel(channel):
        raise InvalidChannel(f"Invalid channel format: {quote(request, key)}")
    if len(channel) > LONGEST_CHANNEL:
        raise InvalidChannel(f"Invalid channel format: more than {LONGEST_CHANNEL} characters")
    return str(channel)


def event_of(request: Frame) -> str:
    """The event type that a publish names. Raises InvalidEvent."""
    event = request.get("event")
    if not isinstance(event, str) or event not in CLIENT_EVENTS:
        raise InvalidEvent(f"Invalid event type: {quote(request, 'event')}")
    return event
