"""What a socket hears: its channels, from a place of its own in the log. Contract: websocket 6."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple

from dcm.lib.errors import is_unavailable, outliving
from dcm.lib.threads import in_thread
from realtime import frames
from realtime.channel_names import agent_channel
from realtime.cursor import Cursor
from realtime.deliveries import Deliveries, is_tracked
from realtime.fanout import RESYNC, hub
from realtime.frames import Frame
from realtime.log import Entry
from realtime.selectors import (
    REPLAY_BATCH,
    entries_between,
    parse_age,
    start_after,
    start_at,
    start_since,
)
from realtime.sockets import SLOW
from realtime.waiting import acknowledgements, entries_waiting

logger = logging.getLogger("dcm.realtime")

CLOSE_SECONDS = 1
OWN_EVENT_SECONDS = 2
RESUME_SECONDS = 60


def _no_short_way(data: bytes) -> bool:
    return False


class Resume(NamedTuple):
    """What a client comes back for: channels that it takes soon are replayed from here."""

    after: int
    until: float  # of time.monotonic()


class Stream:
    """The hearing half of a socket. Its task may be cancelled by end()."""

    def __init__(self) -> None:
        self.channels: set[str] = set()
        self.deliveries = Deliveries()
        self.sending_since: float | None = None  # of time.monotonic()
        self._tracks = True
        self._agent_id: str | None = None  # for whom events on its own channel wait
        self._resume: Resume | None = None
        self._cursor = Cursor()
        self._in_order = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transmit: Callable[[Any], Awaitable[None]]
        self._write_frame: Callable[[bytes], bool] = _no_short_way
        self._main: asyncio.Task[Any] | None = None
        self._ended = False

    async def _find_start(self, wish: Mapping[str, Any]) -> Frame:
        """From where the client wants to hear what it has missed; {} when it does not ask."""
        event_id, age = wish.get("last_event_id"), parse_age(wish.get("since"))
        if not event_id and age is None:
            return {}
        try:
            if age is None:
                start = await in_thread(start_after, event_id)
            else:
                start = await in_thread(start_since, age)
            if start.recovered:
                # Another process may have told the client of what this one has yet to read.
                async with asyncio.timeout(OWN_EVENT_SECONDS):
                    await hub.reach(start.after)
                self._resume = Resume(start.after, time.monotonic() + RESUME_SECONDS)
        except Exception as error:
            if not isinstance(error, TimeoutError) and not is_unavailable(error):
                raise
            return {"recovered": False, "reason": "unavailable"}
        return start.report()

    async def _hear(self, channels: Collection[str]) -> None:
        """Subscribe; what these channels said since the client was last here comes first."""
        async with self._in_order:
            await self._send_pending()
            new = [channel for channel in channels if channel not in self.channels]
            for channel in new:
                self.channels.add(channel)
                hub.subscribe(self, channel)
            if new and self._resume and time.monotonic() < self._resume.until:
                await self._replay(new, after=self._resume.after, upto=hub.position)
            elif self._agent_id and agent_channel(self._agent_id) in new and self._tracks:
                await self._offer_waiting(self._agent_id, upto=hub.position)

    async def _offer_waiting(self, agent_id: str, *, upto: int) -> None:
        """What was for this agent while it was away, or went unacknowledged."""
        # Without the database it goes on waiting, for the next connection.
        entries: list[Entry] = []
        with outliving(logger, "what waits for an agent could not be read"):
            await acknowledgements.store()
            entries = await in_thread(entries_waiting, agent_id, upto=upto)
        for entry in entries:
            await self._tell(entry, [agent_channel(agent_id)])

    async def _replay(self, channels: Collection[str], *, after: int, upto: int) -> None:
        if after >= upto:
            return
        begin = after
        while after < upto:
            entries = await in_thread(entries_between, after=after, upto=upto, channels=channels)
            # Had the log been pruned meanwhile, some that we promised could be missing. What comes
            # after them must not be told, or the client would go on from there.
            if not (await in_thread(start_at, begin)).recovered:
                self.end(RESYNC, "Resync required")
                return
            for entry in entries:
                await self._tell(entry, channels)
            after = entries[-1].seq if len(entries) == REPLAY_BATCH else upto

    def _unsubscribe(self, channel: str) -> None:
        self.channels.discard(channel)
        hub.unsubscribe(self, channel)

    def wake(self, entry: Entry) -> None:
        """This event is for one of our channels."""
        if self._ended:
            return  # whoever was told of it would go on from there, past what was not told
        if entry.seq == self._cursor.target:
            return  # it was on another of them, too
        if self._tell_at_once(entry):
            self._cursor.skip_to(entry.seq)
        else:
            self._cursor.wake(entry.seq)

    def _tell_at_once(self, entry: Entry) -> bool:
        """The short way: without a task, when nothing else is on its way to the client."""
        if self._cursor.is_behind or self._in_order.locked() or self.sending_since is not None:
            return False
        mine = [channel for channel in entry.channels if channel in self.channels]
        if not self._write_frame(b"".join(map(entry.on_the_wire, mine))):
            return False
        if self._tracks and is_tracked(entry.type):
            self._track(entry, mine)
        return True

    def overhear(self, message: dict[str, Any]) -> None:
        """What passes the log by: who does not read misses it."""
        if self.sending_since is None:
            self._start(self._send_all([message]))

    async def _send_events(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                await self._cursor.until_behind()
                await self._catch_up()

    async def _catch_up(self) -> None:
        async with self._in_order:
            await self._send_pending()

    async def _send_pending(self) -> None:
        """Send what lies between our position and the last event that is for us."""
        cursor = self._cursor
        while cursor.is_behind and not self._ended:
            entry = hub.tail.get(cursor.position + 1)
            if entry is None:
                self.end(SLOW, "Too slow")
                return
            cursor.position += 1
            await self._tell(entry, self.channels)

    async def _tell(self, entry: Entry, channels: Collection[str]) -> None:
        mine = [channel for channel in entry.channels if channel in channels]
        for channel in mine:
            await self._pass_on(entry.message(channel))
        if self._tracks and is_tracked(entry.type):
            self._track(entry, mine)

    def _track(self, entry: Entry, channels: Collection[str]) -> None:
        """These were sent. On the agent's own channel an event waits until it is acknowledged."""
        messages = [entry.message(channel) for channel in channels]
        own = self._agent_id is not None and agent_channel(self._agent_id) in channels
        waits_for = self._agent_id if own else None
        self.deliveries.note(entry.seq, messages, time.monotonic(), waits_for)

    def resend(self, now: float) -> None:
        """Send again, as it was, what the client has not acknowledged in time."""
        if self.sending_since is None and (again := self.deliveries.due(now)):
            self._start(self._send_all(again))

    async def _send_all(self, messages: list[dict[str, Any]]) -> None:
        with contextlib.suppress(OSError):
            for message in messages:
                await self._pass_on(message)

    async def _send(self, frame: str) -> None:
        await self._pass_on({"type": "websocket.send", "text": frame})

    async def _pass_on(self, message: dict[str, Any]) -> None:
        """Raises OSError once the client has gone."""
        self.sending_since = time.monotonic()
        try:
            await self._transmit(message)
        finally:
            self.sending_since = None

    # --- the end ----------------------------------------------------------------------------

    def ping(self) -> None:
        self.overhear({"type": "websocket.send", "text": frames.ping_frame()})

    def end(self, code: int, reason: str = "") -> None:
        """Close with this code, without waiting for a client that does not read."""
        if not self._ended:
            self._ended = True
            self._start(self._close(code, reason))

    async def _close(self, code: int, reason: str) -> None:
        closing = {"type": "websocket.close", "code": code, "reason": reason}
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._transmit(closing)
        if self._main is not None:
            self._main.cancel()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
