"""What a subscription has to tell its client, from the event log. Contract: coordinator 11."""

import functools
import json
import re
from dataclasses import dataclass, field
from typing import Any

from realtime.events import AgentJoined
from realtime.log import Entry
from realtime.selectors import entries_between, head_of_log
from sessions_app.coordinator_selectors import agents_at_head
from sessions_app.trpc.frames import Call, dump, event_frame
from sessions_app.trpc.procedures import PAYLOADS, Topic

REPLAY_BATCH = 50


@dataclass(frozen=True)
class Happening:
    """One event of the log, and the object that it is about."""

    seq: int
    type: str
    subject: dict[str, Any]

    @functools.cached_property
    def text(self) -> str:
        """The subject as JSON, made once for all the sockets of this process."""
        return dump(self.subject)


@functools.lru_cache(maxsize=64)
def happening_of(entry: Entry) -> Happening | None:
    """What a log entry says, parsed once for all; null when it is not for coordinator clients."""
    return _happening(entry) if entry.type in PAYLOADS else None


def _happening(entry: Entry) -> Happening:
    return Happening(entry.seq, entry.type, json.loads(entry.data)[PAYLOADS[entry.type]])


def read_happenings(channel: str, *, after: int, upto: int) -> list[Happening]:
    """The first REPLAY_BATCH of these events, oldest first."""
    entries = entries_between(
        after=after, upto=upto, channels=[channel], types=PAYLOADS, limit=REPLAY_BATCH
    )
    return [_happening(entry) for entry in entries]


@dataclass
class Subscription:
    """One live subscription of a socket. after: the last event that it needs no more."""

    call: Call
    topic: Topic
    after: int
    agents: list[dict[str, Any]] = field(default_factory=list)

    def frame_of(self, happening: Happening) -> str | None:
        """The frame to send for this event; null when it is not for us, or not again."""
        if happening.seq <= self.after or happening.type not in self.topic.types:
            return None
        self.after = happening.seq
        if not self.topic.listing:
            return event_frame(self.call, happening.seq, happening.text)
        agent = happening.subject
        self.agents = [each for each in self.agents if each["id"] != agent["id"]]
        if happening.type == AgentJoined.type:
            self.agents.append(agent)
        return self.listing_frame()

    def listing_frame(self) -> str:
        return event_frame(self.call, self.after, dump(self.agents))


@dataclass(frozen=True)
class Opening:
    """Where a subscription begins: replay after `resume_after` up to `head`, then live."""

    head: int
    resume_after: int
    agents: list[dict[str, Any]] | None


def open_subscription(call: Call, topic: Topic, session_id: str) -> Opening:
    """Synchronous: the log and, for a listing, the list as of one moment."""
    if topic.listing:
        listed = agents_at_head(session_id)
        return Opening(listed.seq, listed.seq, listed.agents)
    head = head_of_log()
    last = last_event_id(call.input)
    # A number that was never given out is as good as none.
    return Opening(head, last if last is not None and last <= head else head, None)


def last_event_id(given: Any) -> int | None:
    """The `lastEventId` of an input, as text or as an integer; null when it makes no sense."""
    last = given.get("lastEventId") if isinstance(given, dict) else None
    if isinstance(last, int) and not isinstance(last, bool):
        last = str(last)
    return int(last) if isinstance(last, str) and re.fullmatch("[0-9]{1,18}", last) else None
