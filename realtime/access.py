"""Who a socket is, and what it may hear and say. Contract: websocket 4.2, 5, W09."""

from typing import Any

from django.conf import settings

from realtime.channel_names import GLOBAL, METRICS, agent_channel, is_channel
from realtime.frames import Frame, Refused, quote
from realtime.services import CLIENT_EVENTS
from realtime.tokens import Identity, InvalidToken, read_token

LONGEST_CHANNEL = 1_000


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


class InvalidChannel(Refused):
    """Text: `Invalid channel format: agents/`."""

    code = "INVALID_CHANNEL"


class InvalidEvent(Refused):
    """Text: `Invalid event type: tea.ready`."""

    code = "INVALID_EVENT"


class NotAuthorized(Refused):
    code = "NOT_AUTHORIZED"


def identify(request: Frame, session_id: str | None) -> Identity:
    """Who sends this auth frame. session_id: what the socket said before, in its URL say.

    A token that is no good is not made up for by an agent_id. Raises Refused.
    """
    token, agent_id = request.get("token"), request.get("agent_id")
    if token not in (None, ""):
        try:
            proven = read_token(token)
        except InvalidToken:
            raise TokenRejected from None
        return _checked(proven.agent_id, proven.session_id or session_id)
    if not isinstance(agent_id, str) or not agent_id:
        raise NoIdentity
    if settings.PRODUCTION:
        raise TokenRequired
    named = request.get("session_id")
    return _checked(agent_id, named if isinstance(named, str) and named else session_id)


def _checked(agent_id: str, session_id: str | None) -> Identity:
    for name in (agent_id, session_id or "none"):
        channel = agent_channel(name)
        if len(channel) > LONGEST_CHANNEL or not is_channel(channel):
            raise InvalidIdentity
    return Identity(agent_id, session_id)


def check_hearing(channel: str, identity: Identity | None) -> None:
    """Raises NotAuthorized unless this client may subscribe to the channel."""
    kind, _, name = channel.partition("/")
    if kind == "agents" and (identity is None or not _may_watch(name, identity)):
        raise NotAuthorized("Not authorized to subscribe to this agent channel")
    if kind == "sessions" and (identity is None or identity.session_id not in (None, name)):
        raise NotAuthorized("Not authorized to subscribe to this session channel")


def may_hear(channel: str, identity: Identity | None) -> bool:
    try:
        check_hearing(channel, identity)
    except NotAuthorized:
        return False
    return True


def _may_watch(agent_id: str, identity: Identity) -> bool:
    # In development any agent may watch any other, as people debugging a team do.
    return agent_id == identity.agent_id or not settings.PRODUCTION


def check_saying(channel: str, identity: Identity | None) -> None:
    """Raises NotAuthorized unless this client may publish on the channel."""
    anybody = channel == GLOBAL or channel.startswith("topics/")
    if identity is None and (settings.PRODUCTION or not anybody):
        raise NotAuthorized("Not authorized to publish to this channel")
    if channel == METRICS:  # the server's own figures
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
