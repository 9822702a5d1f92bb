"""The native WebSocket: a client's requests in, its frames out. Contract: websocket 1 to 7."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from dcm.lib.errors import DatabaseUnavailable, DomainError, is_unavailable
from realtime import frames
from realtime.access import channel_of, check_hearing, check_saying, event_of, identify
from realtime.channel_names import GLOBAL, agent_channel, session_channel
from realtime.cursor import Cursor
from realtime.fanout import hub
from realtime.frames import Frame, Refused, UnknownType
from realtime.services import announce_connected, announce_disconnected, publish_for_client
from realtime.sockets import SLOW, sockets
from realtime.tokens import Identity

logger = logging.getLogger("dcm.realtime")

MOST_SUBSCRIPTIONS = 1_000
CLOSE_SECONDS = 1
OWN_EVENT_SECONDS = 2
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class TooManySubscriptions(Refused):
    message = f"At most {MOST_SUBSCRIPTIONS} subscriptions"
    code = "TOO_MANY_SUBSCRIPTIONS"


class Failed(Refused):
    message = "Internal error"
    code = "INTERNAL_ERROR"


class NativeConsumer(AsyncConsumer):
    """One socket. It reads the log from a position of its own, see realtime.fanout."""

    def __init__(self) -> None:
        self.client_id = _new_client_id()
        self.identity: Identity | None = None
        self.channels: set[str] = set()
        self.heard_at = time.monotonic()
        self.sending_since: float | None = None
        self._cursor = Cursor()
        self._in_order = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        self._answers: dict[str, Callable[[Frame], Awaitable[None]]] = {
            "auth": self._on_auth,
            "subscribe": self._on_subscribe,
            "unsubscribe": self._on_unsubscribe,
            "publish": self._on_publish,
            "ping": self._on_ping,
            "pong": self._on_sign_of_life,
            "ack": self._on_sign_of_life,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # No channel layer: events come from the log, and a layer drops them when it is full.
        self.scope = scope
        self._transmit = send
        self._main = asyncio.current_task()
        try:
            while True:
                await self.dispatch(await receive())
        except (StopConsumer, OSError):
            pass
        except asyncio.CancelledError:
            if not self._ended:
                raise
        finally:
            await self._forget()

    # --- what the server tells us -----------------------------------------------------------

    async def websocket_connect(self, message: Any) -> None:
        query = parse_qs(self.scope.get("query_string", b"").decode("utf-8", "replace"))
        self._claimed_session = query.get("session_id", [""])[0] or None
        await self._transmit({"type": "websocket.accept"})
        sockets.add(self)
        self._start(self._send_events())
        await self._send(frames.connected_frame(self.client_id))
        self._subscribe(GLOBAL)
        if token := query.get("token", [""])[0]:
            await self._answer({"type": "auth", "token": token}, self._authenticate)

    async def websocket_receive(self, message: Any) -> None:
        self.heard_at = time.monotonic()
        request: Frame = {}
        try:
            request = frames.parse(message.get("text") or message.get("bytes") or "")
            kind = request.get("type")
            if not isinstance(kind, str) or kind not in self._answers:
                raise UnknownType(f"Unknown message type: {frames.quote(request, 'type')}")
        except Refused as refused:
            await self._send(frames.error_frame(refused, request))
            return
        await self._answer(request, self._answers[kind])

    async def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer

    # --- requests ---------------------------------------------------------------------------

    async def _answer(self, request: Frame, answer: Callable[[Frame], Awaitable[None]]) -> None:
        """Whatever goes wrong with a request is told in a frame; the socket stays open."""
        try:
            await answer(request)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001
            await self._refuse(request, _tellable(error))

    async def _refuse(self, request: Frame, error: DomainError) -> None:
        # A failed auth has always been an error frame, with or without an id.
        if frames.number_of(request) is None or request["type"] == "auth":
            await self._send(frames.error_frame(error, request))
        else:
            await self._send(frames.failure_frame(request, error))

    async def _acknowledge(self, request: Frame) -> None:
        # Never without an id: the original's SDK subscribes again on every ack, for ever.
        if frames.number_of(request) is not None:
            await self._send(frames.ack_frame(request))

    async def _on_subscribe(self, request: Frame) -> None:
        several = request.get("channels")
        asked = [{"channel": name} for name in several] if isinstance(several, list) else [request]
        wanted = {channel_of(each) for each in asked}
        for channel in wanted:
            check_hearing(channel, self.identity)
        if len(self.channels | wanted) > MOST_SUBSCRIPTIONS:
            raise TooManySubscriptions
        for channel in wanted:
            self._subscribe(channel)
        await self._acknowledge(request)

    async def _on_unsubscribe(self, request: Frame) -> None:
        channel = request.get("channel")
        if isinstance(channel, str):
            self._unsubscribe(channel)
        await self._acknowledge(request)

    async def _on_publish(self, request: Frame) -> None:
        channel, event = channel_of(request), event_of(request)
        check_saying(channel, self.identity)
        seq = await publish_for_client(
            channel=channel,
            event=event,
            data=request.get("data", {}),
            agent_id=self.identity.agent_id if self.identity else "",
        )
        # Who hears the channel gets its own event before the ack.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OWN_EVENT_SECONDS):
                await hub.reach(seq)
        await self._catch_up()
        await self._acknowledge(request)

    async def _on_ping(self, request: Frame) -> None:
        await self._send(frames.pong_frame(request))

    async def _on_sign_of_life(self, request: Frame) -> None:
        """Nothing to do: that it came was noted."""

    # --- identity ---------------------------------------------------------------------------

    async def _on_auth(self, request: Frame) -> None:
        await self._authenticate(request, acknowledged=True)

    async def _authenticate(self, request: Frame, *, acknowledged: bool = False) -> None:
        """Contract: websocket 4.2. A failure leaves an earlier identity in place."""
        known = self.identity.session_id if self.identity else None
        self.identity = identify(request, known or self._claimed_session)
        if acknowledged:  # also without an id, or the original's SDK never counts as authenticated
            await self._send(frames.ack_frame(request))
        self._take_channels(self.identity)
        await _if_possible(announce_connected(self.identity, self.client_id))

    def _take_channels(self, identity: Identity) -> None:
        """Its own private ones; those that only an earlier identity could hear are dropped."""
        for channel in list(self.channels):
            try:
                check_hearing(channel, identity)
            except Refused:
                self._unsubscribe(channel)
        self._subscribe(agent_channel(identity.agent_id))
        if identity.session_id:
            self._subscribe(session_channel(identity.session_id))

    # --- events -----------------------------------------------------------------------------

    def _subscribe(self, channel: str) -> None:
        self.channels.add(channel)
        hub.subscribe(self, channel)

    def _unsubscribe(self, channel: str) -> None:
        self.channels.discard(channel)
        hub.unsubscribe(self, channel)

    def wake(self, seq: int) -> None:
        """An event with this number is for one of our channels."""
        self._cursor.wake(seq)

    async def _send_events(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                await self._cursor.until_behind()
                await self._catch_up()

    async def _catch_up(self) -> None:
        """Send what lies between our position and the last event that is for us."""
        cursor = self._cursor
        async with self._in_order:
            while cursor.is_behind:
                entry = hub.tail.get(cursor.position + 1)
                if entry is None:
                    self.end(SLOW, "Too slow")
                    return
                for channel in entry.channels:
                    if channel in self.channels:
                        await self._pass_on(entry.message(channel))
                cursor.position += 1

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
        if self.sending_since is None:
            self._start(self._ping())

    async def _ping(self) -> None:
        with contextlib.suppress(OSError):
            await self._send(frames.ping_frame())

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

    async def _forget(self) -> None:
        sockets.remove(self)
        for channel in list(self.channels):
            self._unsubscribe(channel)
        for task in self._tasks:
            task.cancel()
        if self.identity is not None:
            await _if_possible(announce_disconnected(self.identity, self.client_id))


async def _if_possible(announcement: Awaitable[None]) -> None:
    """Presence is told when it can be; a database that is away must not close the socket."""
    try:
        await announcement
    except Exception as error:
        if not isinstance(error, DomainError) and not is_unavailable(error):
            raise


def _tellable(error: Exception) -> DomainError:
    """The error in words for the client; what it cannot mend goes to the log."""
    if isinstance(error, DomainError):
        return error
    if is_unavailable(error):
        return DatabaseUnavailable()
    logger.error("a request of a socket failed", exc_info=error)
    return Failed()


def _new_client_id() -> str:
    """ws_<milliseconds>_<6 random>, both in base 36, as the original's."""
    number, digits = time.time_ns() // 1_000_000, ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return f"ws_{digits}_{''.join(random.choices(_DIGITS, k=6))}"  # noqa: S311  no secret
