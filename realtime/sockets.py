"""The open native sockets of this process, and the one clock that looks after all of them."""

import asyncio
import logging
import time
from typing import Protocol

from django.conf import settings

from dcm.lib.errors import outliving
from dcm.lib.pruning import prune
from dcm.lib.threads import in_thread
from realtime.deliveries import SCAN_SECONDS, Deliveries
from realtime.presence import LOST_SOCKETS, RENEW_SECONDS, SWEEP_SECONDS, renew
from realtime.tokens import Identity
from realtime.waiting import acknowledgements

logger = logging.getLogger("dcm.realtime")

PING_SECONDS = 30
SILENCE_SECONDS = 60
SLOW_SECONDS = 10
UNKNOWN_SECONDS = 15
PING_TIMEOUT = 4000
TOKEN_REQUIRED = 4002
SLOW = 4008


class Socket(Protocol):
    client_id: str
    identity: Identity | None
    heard_at: float
    opened_at: float
    sending_since: float | None
    deliveries: Deliveries

    def ping(self) -> None: ...

    def resend(self, now: float) -> None: ...

    def end(self, code: int, reason: str = "") -> None: ...


class OpenSockets:
    """Times are of time.monotonic()."""

    def __init__(self) -> None:
        self._open: set[Socket] = set()
        self._exhausted = 0  # of sockets that have closed
        self._clock: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(self, socket: Socket) -> None:
        self._open.add(socket)
        if self._clock is None or self._clock.done():
            self._clock = asyncio.create_task(self._tick())

    def remove(self, socket: Socket) -> None:
        self._open.discard(socket)
        self._exhausted += socket.deliveries.exhausted

    async def _tick(self) -> None:
        seconds = 0
        while self._open:
            await asyncio.sleep(1)
            seconds += 1
            self._end_slow()
            with outliving(logger, "acknowledgements could not be stored"):
                await acknowledgements.store()
            if settings.PRODUCTION:
                self._end_unknown()
            if seconds % SCAN_SECONDS == 0:
                self._resend()
            if seconds % RENEW_SECONDS == 0:
                await self._renew()
            if seconds % SWEEP_SECONDS == 0:
                with outliving(logger, "lost sockets could not be told"):
                    await in_thread(prune, LOST_SOCKETS)
            if seconds % PING_SECONDS == 0:
                self._end_silent()
                for socket in list(self._open):
                    socket.ping()

    @property
    def unacknowledged(self) -> int:
        """(event, client) pairs that were sent and not acknowledged."""
        return sum(len(socket.deliveries) for socket in self._open)

    @property
    def exhausted(self) -> int:
        """How many such pairs were given up after the last attempt, since the start."""
        return self._exhausted + sum(socket.deliveries.exhausted for socket in self._open)

    async def _renew(self) -> None:
        present = {
            socket.client_id: socket.identity
            for socket in self._open
            if socket.identity is not None
        }
        if present:
            with outliving(logger, "leases could not be renewed"):
                await in_thread(renew, present)

    def _resend(self) -> None:
        now = time.monotonic()
        for socket in list(self._open):
            if socket.deliveries:
                socket.resend(now)

    def _end_slow(self) -> None:
        """A client that does not read is not waited for; it can come back and resume."""
        since = time.monotonic() - SLOW_SECONDS
        for socket in list(self._open):
            if socket.sending_since is not None and socket.sending_since < since:
                socket.end(SLOW, "Too slow")

    def _end_unknown(self) -> None:
        """Who does not say who it is hears nothing, and keeps no socket."""
        since = time.monotonic() - UNKNOWN_SECONDS
        for socket in list(self._open):
            if socket.identity is None and socket.opened_at < since:
                socket.end(TOKEN_REQUIRED, "Token required")

    def _end_silent(self) -> None:
        since = time.monotonic() - SILENCE_SECONDS
        for socket in list(self._open):
            if socket.heard_at < since:
                socket.end(PING_TIMEOUT, "Ping timeout")


sockets = OpenSockets()
