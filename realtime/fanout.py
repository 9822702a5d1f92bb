"""From the event log to the sockets of this process.

One hub reads the log, once for all of its sockets, into a tail of ready-made frames. A socket is a
position in that tail: there is no queue per client, and catching up is the same as being live.
"""

import asyncio
import logging
import random
from typing import Any, Protocol

import psycopg
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connections

from realtime import hints
from realtime.log import Entry, Tail

logger = logging.getLogger("dcm.realtime")

BATCH = 500
LOOK_SECONDS = 1.0
LOOK_SECONDS_WITHOUT_HINTS = 0.1
LONGEST_RETRY_SECONDS = 2.0
HINT_GROUP = "dcm.hints"
RESYNC = 4010

_READ = """
SELECT seq, channels, type, data::text, created_at
FROM realtime_loggedevent WHERE seq > %s ORDER BY seq LIMIT %s
"""


class Subscriber(Protocol):
    """What the hub knows of a socket."""

    def wake(self, seq: int) -> None:
        """An event with this number is for one of your channels."""

    def end(self, code: int) -> None:
        """Close with this code."""


class Hub:
    """Reads the log for this process. `position` is the number of the last event read."""

    def __init__(self) -> None:
        self.tail = Tail()
        self.position = 0
        self.epoch = ""
        self.channels: dict[str, set[Subscriber]] = {}
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._ready = asyncio.Event()
        self._untold = False
        self._hints_work = True

    async def start(self) -> None:
        """Begin to read, from the head of the log; a second call only waits until that is so."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="hub")
            loop = asyncio.get_running_loop()
            hints.on_hint(lambda: loop.call_soon_threadsafe(self._hear, True))
            if settings.CHANNEL_LAYERS["default"]["BACKEND"] != hints.IN_PROCESS_LAYER:
                self._tasks.add(asyncio.create_task(self._hear_other_processes()))
        await self._ready.wait()

    async def stop(self) -> None:
        hints.on_hint(None)
        ending = [task for task in (self._task, *self._tasks) if task is not None]
        self._task = None
        self._tasks.clear()
        self._ready.clear()
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def subscribe(self, subscriber: Subscriber, channel: str) -> None:
        self.channels.setdefault(channel, set()).add(subscriber)

    def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        mine = self.channels.get(channel)
        if mine is not None:
            mine.discard(subscriber)
            if not mine:
                del self.channels[channel]

    def _hear(self, own: bool) -> None:
        self._untold = self._untold or own
        self._woken.set()

    async def _run(self) -> None:
        """Follow the log for ever, also over losses of the database."""
        wait = 0.2
        while True:
            try:
                link = await psycopg.AsyncConnection.connect(_address(), autocommit=True)
                async with link:
                    wait = 0.2
                    # First listen, then read: nothing can slip in between.
                    await link.execute(f"LISTEN {hints.NOTIFY_CHANNEL}")
                    await self._find_head(link)
                    while True:
                        await self._read(link)
                        await self._tell_other_processes(link)
                        await self._wait(link)
            except (psycopg.Error, OSError) as error:
                logger.warning("the event log cannot be read: %s", error)
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311  not a secret
                wait = min(2 * wait, LONGEST_RETRY_SECONDS)

    async def _find_head(self, link: "psycopg.AsyncConnection[Any]") -> None:
        row = await (
            await link.execute("SELECT epoch, seq FROM realtime_eventhead WHERE id = 1")
        ).fetchone()
        assert row is not None
        epoch, seq = row
        if epoch != self.epoch:
            was, self.epoch, self.position = self.epoch, epoch, seq
            self.tail.clear()
            if was:
                self._end_all(RESYNC)
        self._ready.set()

    async def _read(self, link: "psycopg.AsyncConnection[Any]") -> None:
        self._woken.clear()
        while True:
            cursor = await link.execute(_READ, [self.position, BATCH], prepare=True)
            rows = await cursor.fetchall()
            for seq, channels, event, data, at in rows:
                if seq != self.position + 1:
                    logger.warning("events %d to %d were pruned unread", self.position + 1, seq - 1)
                self.tail.append(Entry(self.epoch, seq, channels, event, data, at))
                self.position = seq
                self._wake_subscribers(channels, seq)
            if len(rows) < BATCH:
                return

    def _wake_subscribers(self, channels: list[str], seq: int) -> None:
        for channel in channels:
            for subscriber in self.channels.get(channel, ()):
                subscriber.wake(seq)

    async def _wait(self, link: "psycopg.AsyncConnection[Any]") -> None:
        """Until a hint comes, of this process or another, or it is time to look all the same."""
        loop = asyncio.get_running_loop()
        # Anything that arrives is a notification, or the end of the connection.
        loop.add_reader(link.fileno(), self._woken.set)
        seconds = LOOK_SECONDS if self._hints_work else LOOK_SECONDS_WITHOUT_HINTS
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(link.fileno())

    async def _tell_other_processes(self, link: "psycopg.AsyncConnection[Any]") -> None:
        """One hint for all commits since the last."""
        if not self._untold:
            return
        self._untold = False
        if not self._tasks:
            await link.execute(f"NOTIFY {hints.NOTIFY_CHANNEL}")
            return
        try:
            layer: Any = get_channel_layer()
            async with asyncio.timeout(1):
                await layer.group_send(HINT_GROUP, {"type": "hint"})
            self._hints_work = True
        except Exception as error:  # noqa: BLE001  whatever Redis says, the log goes on
            self._lose_hints(error)

    async def _hear_other_processes(self) -> None:
        """Listen on the channel layer for hints of other processes and machines."""
        layer: Any = get_channel_layer()
        while True:
            try:
                name = await layer.new_channel()
                await layer.group_add(HINT_GROUP, name)
                while True:
                    await layer.receive(name)
                    self._hints_work = True
                    self._hear(False)
            except Exception as error:  # noqa: BLE001  as above
                self._lose_hints(error)
                await asyncio.sleep(1)

    def _lose_hints(self, error: Exception) -> None:
        if self._hints_work:
            logger.warning("hints are lost, looking every 100 ms: %s", error)
        self._hints_work = False

    def _end_all(self, code: int) -> None:
        for subscriber in {one for group in self.channels.values() for one in group}:
            subscriber.end(code)


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
    )


hub = Hub()
