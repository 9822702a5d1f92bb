"""Addresses on our sockets. Contract: websocket 5.

`global`, `metrics`, `agents/<id>`, `sessions/<id>`, `topics/<topic>`; an id is any non-empty text.
"""

GLOBAL = "global"
METRICS = "metrics"
_PREFIXES = ("agents/", "sessions/", "topics/")


def agent_channel(agent_id: str) -> str:
    return f"agents/{agent_id}"


def session_channel(session_id: str) -> str:
    return f"sessions/{session_id}"


def topic_channel(topic: str) -> str:
    return f"topics/{topic}"


def is_channel(name: object) -> bool:
    """Whether this is the name of a channel that could exist."""
    if not isinstance(name, str) or "\0" in name:
        return False
    return name in (GLOBAL, METRICS) or any(
        name.startswith(prefix) and len(name) > len(prefix) for prefix in _PREFIXES
    )
