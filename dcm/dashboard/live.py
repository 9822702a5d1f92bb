"""From where a page's socket begins, so that nothing falls between the page and the socket."""

from dataclasses import dataclass

from realtime.selectors import start_at
from realtime.tokens import Identity, make_token

TAIL = 60
"""So many of the latest events are told again, for the list of what just happened."""

WATCHER = "dashboard"
"""As whom a page listens to a session's private channel."""


@dataclass(frozen=True)
class Place:
    """after: the event that the socket asks to go on from. shown: the last that the page shows."""

    epoch: str
    after: int
    shown: int


def place(tail: int = TAIL) -> Place:
    start = start_at(0)
    wanted = max(0, start.head - tail)
    if start.reason is None:
        return Place(start.epoch, wanted, start.head)
    begin = start_at(wanted)
    return Place(begin.epoch, begin.after, start.head)


def watching(session_id: str) -> str:
    """A token, for an hour, to hear what the agents of this session tell each other."""
    return make_token(Identity(WATCHER, session_id))
