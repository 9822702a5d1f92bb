"""From the event log to the sockets of this process.

One hub reads the log, once for all of its sockets, into a tail of ready-made frames. A socket is a
position in that tail: there is no queue per client, and catching up is the same as being live.
"""

import asyncio
import contextlib
import logging
import random
import time
from typing import Any, Protocol

import psycopg
from django.db import connections

from dcm.lib.measures import delivery_lag
from realtime import bridge, hints, unlogged
from realtime.hints import LayerHints
from realtime.log import Entry, Tail
from realtime.unlogged import Passing

logger = logging.getLogger("dcm.realtime")

BATCH = 500
CHARACTERS_AT_ONCE = 2**20
FRAMES_AT_ONCE = 5_000
LOOK_SECONDS = 1.0
LOOK_SECONDS_WITHOUT_HINTS = 0.1
FIRST_RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 2.0
LONGEST_READ_SECONDS = 10.0
BRIDGE_SECONDS = 5.0
GREETING_SECONDS = 1.0
ALONE_SECONDS = 3.0
RESYNC = 4010

# The head comes along, so that a new epoch is seen before any event that it numbered.
_READ = """
SELECT head.epoch, head.seq, e.seq, e.channels, e.type, e.data::text, e.created_at
FROM realtime_eventhead AS head
LEFT JOIN LATERAL (
    SELECT * FROM realtime_loggedevent WHERE seq > %s ORDER BY seq LIMIT %s
) AS e ON true
WHERE head.id = 1 ORDER BY e.seq
"""

Link = psycopg.AsyncConnection[Any]


class Subscriber(Protocol):
    """What the hub knows of a socket."""

    def wake(self, entry: Entry) -> None:
        """This event is for one of your channels."""

    def overhear(self, message: dict[str, Any]) -> None:
        """An ASGI message with a value that passes the log by, on one of your channels."""

    def end(self, code: int, reason: str = "") -> None:
        """Close with this code."""


class Hub:
    """Reads the log for this process. `position` is the number of the last event read."""

    def __init__(self) -> None:
        self.tail = Tail()
        self.position = 0
        self.epoch = ""
        self.following = False  # whether the database answers
        self.channels: dict[str, set[Subscriber]] = {}
        self.passed: dict[str, float] = {}  # channel -> when an unlogged value was last heard
        self._taking: list[asyncio.Task[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._moved = asyncio.Event()
        self._woken = asyncio.Event()
        self._untold = False
        self._told_at = self._others_heard_at = float("-inf")
        self._hints_arrive = True
        self._layer_hints: LayerHints | None = None

    async def start(self) -> None:
        """Begin to read, from the head of the log; a second call only waits until that is so."""
        if self._task is None:
            loop = asyncio.get_running_loop()
            if LayerHints.are_possible():
                self._layer_hints = LayerHints(self._hear_hint)
                self._layer_hints.start()
            hints.on_hint(lambda: loop.call_soon_threadsafe(self._hear_commit))
            self._task = asyncio.create_task(self._follow_for_ever(), name="hub")
        await self._ready.wait()

    async def stop(self) -> None:
        hints.on_hint(None)
        if self._layer_hints is not None:
            await self._layer_hints.stop()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._task = self._layer_hints = None
        self._ready.clear()

    def subscribe(self, subscriber: Subscriber, channel: str) -> None:
        self.channels.setdefault(channel, set()).add(subscriber)

    def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        group = self.channels.get(channel)
        if group is not None:
            group.discard(subscriber)
            if not group:
                del self.channels[channel]

    async def reach(self, seq: int) -> None:
        """Return when the event of this number, which is committed, has been read."""
        while self.position < seq:
            await self._moved.wait()

    # --- hints ------------------------------------------------------------------------------

    def _hear_commit(self) -> None:
        """This process has added to the log."""
        self._untold = True
        self._woken.set()

    def _hear_hint(self) -> None:
        """Some process has, perhaps this one."""
        self._hints_arrive = True
        self._woken.set()

    def _hear_notification(self, notification: psycopg.Notify) -> None:
        if notification.channel == unlogged.NOTIFY_CHANNEL:
            self._pass_on(unlogged.read(notification.payload))
            return
        if notification.channel == bridge.NOTIFY_CHANNEL:
            self._taking.append(asyncio.create_task(bridge.take(notification.payload)))
            self._taking = [task for task in self._taking if not task.done()]
            return
        self._hints_arrive = True
        if notification.pid != self._own_pid:  # of ours we know
            self._others_heard_at = time.monotonic()
            self._woken.set()

    def _pass_on(self, passing: Passing) -> None:
        self.passed[passing.channel] = time.monotonic()
        if subscribers := self.channels.get(passing.channel):
            message = unlogged.message(passing)
            for subscriber in list(subscribers):
                subscriber.overhear(message)

    async def _listen_for_others(self, link: Link) -> bool:
        """Whether this process is the one that hears other programs."""
        held = await (
            await link.execute("SELECT pg_try_advisory_lock(%s)", [bridge.LOCK])
        ).fetchone()
        if held is None or not held[0]:
            return False
        await link.execute(f"LISTEN {bridge.NOTIFY_CHANNEL}")
        return True

    async def _tell_other_processes(self, link: Link) -> None:
        """One hint for all commits since the last.

        Once a second it goes out anyway, as a greeting: who hears none from others is alone and
        saves the rest.
        """
        untold, self._untold = self._untold, False
        if self._layer_hints is not None:
            if untold:
                self._layer_hints.tell()
            return
        now = time.monotonic()
        alone = now - self._others_heard_at > ALONE_SECONDS
        if (untold and not alone) or now - self._told_at >= GREETING_SECONDS:
            self._told_at = now
            await link.execute(f"NOTIFY {hints.NOTIFY_CHANNEL}")

    # --- reading ----------------------------------------------------------------------------

    async def _follow_for_ever(self) -> None:
        """Over losses of the database too: sockets stay open and catch up afterwards."""
        wait = FIRST_RETRY_SECONDS
        while True:
            try:
                async with await Link.connect(_address(), autocommit=True) as link:
                    wait = FIRST_RETRY_SECONDS
                    await self._follow(link)
            except Exception as error:  # noqa: BLE001  without the hub nobody hears anything
                logger.warning("the event log cannot be read: %s", error)
            self.following = False
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311  not a secret
            wait = min(2 * wait, LONGEST_RETRY_SECONDS)

    async def _follow(self, link: Link) -> None:
        self._own_pid = link.info.backend_pid
        self._others_heard_at = time.monotonic()  # they get the time to greet
        link.add_notify_handler(self._hear_notification)
        # First listen, then read: nothing can slip in between.
        for name in (hints.NOTIFY_CHANNEL, unlogged.NOTIFY_CHANNEL):
            await link.execute(f"LISTEN {name}")
        hinted, bridging, tried_at = True, False, float("-inf")
        while True:
            async with asyncio.timeout(LONGEST_READ_SECONDS):
                if not bridging and time.monotonic() - tried_at >= BRIDGE_SECONDS:
                    bridging, tried_at = await self._listen_for_others(link), time.monotonic()
                found = await self._read(link)
                await self._tell_other_processes(link)
            if found and not hinted:
                self._hints_arrive = False
            self.following = True
            self._ready.set()
            hinted = await self._wait(link)

    async def _read(self, link: Link) -> bool:
        """Read to the end of the log; whether there was anything."""
        found = False
        while True:
            self._woken.clear()
            heard = bool(self.channels)
            limit = BATCH if heard else 0
            cursor = await link.execute(_READ, [self.position, limit], prepare=True)
            rows = await cursor.fetchall()
            if not rows:
                raise RuntimeError("the head of the event log is missing: run migrations")
            epoch, head, first = rows[0][:3]
            if epoch != self.epoch or head < self.position:
                self._begin(epoch, head)
                continue
            if not heard:
                if not self.channels:  # still nobody, so whoever comes now comes after the head
                    moved: bool = head > self.position
                    if moved:
                        self.tail.clear()
                        self._move(head)
                    return moved
                continue
            if first is None:
                return found
            found = True
            if first != self.position + 1:
                await self._step_over(link, first)
            await self._take([row[2:] for row in rows])
            if len(rows) < BATCH:
                return found

    def _begin(self, epoch: str, head: int) -> None:
        """Earlier numbers mean nothing, or not the same: stand at the head."""
        was, self.epoch, self.position = self.epoch, epoch, head
        self.tail.clear()
        if was:
            logger.warning("the event log has begun anew: epoch %s, %d events", epoch, head)
            self._resync()

    async def _step_over(self, link: Link, first: int) -> None:
        """Events between our position and `first` are not there. No client may miss that."""
        cursor = await link.execute(
            "SELECT EXISTS (SELECT FROM realtime_loggedevent WHERE seq <= %s)", [self.position]
        )
        row = await cursor.fetchone()
        # What is pruned is always the beginning of the log, so anything older is proof of a loss.
        if row is not None and row[0]:
            logger.error("events %d to %d are missing from the log", self.position + 1, first - 1)
        else:
            logger.warning("events %d to %d were pruned unread", self.position + 1, first - 1)
        self.tail.clear()
        self.position = first - 1
        self._resync()

    async def _take(self, rows: list[tuple[Any, ...]]) -> None:
        characters = frames = 0
        sampled = False
        for seq, channels, event, data, at in rows:
            entry = Entry(self.epoch, seq, channels, event, data, at)
            self.tail.append(entry)
            self.position = seq
            woken = self._wake_subscribers(entry)
            if woken and not sampled:  # the first of a read has waited longest
                sampled = True
                delivery_lag.note(max(0.0, time.time() - at.timestamp()))
            frames += woken
            characters += entry.size
            if characters > CHARACTERS_AT_ONCE or frames > FRAMES_AT_ONCE:
                characters = frames = 0
                # Let sockets send these before the tail is full, and others have their turn.
                await asyncio.sleep(0)
        self._move(self.position)

    def _move(self, position: int) -> None:
        self.position = position
        self._moved.set()
        self._moved = asyncio.Event()

    def _wake_subscribers(self, entry: Entry) -> int:
        """How many there were."""
        woken = 0
        for channel in entry.channels:
            subscribers = self.channels.get(channel, ())
            woken += len(subscribers)
            for subscriber in subscribers:
                subscriber.wake(entry)
        return woken

    def _resync(self) -> None:
        """Close all sockets: what they have heard does not connect to what comes."""
        for subscriber in {one for group in self.channels.values() for one in group}:
            subscriber.end(RESYNC, "Resync required")

    async def _wait(self, link: Link) -> bool:
        """Until a hint comes, then true, or until it is time to look all the same."""
        loop = asyncio.get_running_loop()
        descriptor = link.fileno()
        loop.add_reader(descriptor, self._take_notifications, link.pgconn, descriptor)
        try:
            async with asyncio.timeout(
                LOOK_SECONDS if self._hints_arrive else LOOK_SECONDS_WITHOUT_HINTS
            ):
                return await self._woken.wait()
        except TimeoutError:
            return False
        finally:
            if not link.closed:
                loop.remove_reader(descriptor)

    def _take_notifications(self, server: psycopg.pq.abc.PGconn, descriptor: int) -> None:
        """Between statements nobody else reads from the connection."""
        try:
            server.consume_input()
        except psycopg.OperationalError:
            # At once: libpq has closed it, and the next file to be opened gets its number.
            asyncio.get_running_loop().remove_reader(descriptor)
            self._woken.set()  # it broke: the next statement says so
            return
        while notification := server.notifies():
            self._hear_notification(
                psycopg.Notify(
                    notification.relname.decode(),
                    notification.extra.decode(),
                    notification.be_pid,
                )
            )


def _address() -> str:
    """How to reach the database, for a connection of the hub's own."""
    server = connections["default"].settings_dict
    return psycopg.conninfo.make_conninfo(
        dbname=server["NAME"],
        user=server["USER"],
        password=server["PASSWORD"],
        host=server["HOST"],
        port=server["PORT"],
        connect_timeout=2,
        application_name="dcm-hub",
        # A server that vanished without a word is noticed within 12 seconds.
        keepalives_idle=6,
        keepalives_interval=2,
        keepalives_count=3,
    )


hub = Hub()
