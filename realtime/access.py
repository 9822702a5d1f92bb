"""Who may hear and say what on the sockets. Contract: websocket 5, W09."""

from django.conf import settings

from realtime.channel_names import GLOBAL, METRICS
from realtime.tokens import Identity


def hearing_refused(channel: str, identity: Identity | None) -> str | None:
    """Why this client may not subscribe to this channel; None: it may."""
    kind, _, name = channel.partition("/")
    if kind == "agents" and (identity is None or not _may_watch(name, identity)):
        return "Not authorized to subscribe to this agent channel"
    if kind == "sessions" and (identity is None or identity.session_id not in (None, name)):
        return "Not authorized to subscribe to this session channel"
    return None


def may_say(channel: str, identity: Identity | None) -> bool:
    """Whether this client may publish on this channel."""
    if channel == METRICS:
        return False
    if channel == GLOBAL or channel.startswith("topics/"):
        return identity is not None or not settings.PRODUCTION
    return identity is not None


def _may_watch(agent_id: str, identity: Identity) -> bool:
    # In development any agent may watch any other, as people debugging a team do.
    return agent_id == identity.agent_id or not settings.PRODUCTION
