"""The native WebSocket: a client's requests in, its frames out. Contract: websocket 1 to 7."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings

from dcm.lib import wire
from dcm.lib.errors import is_unavailable
from dcm.lib.threads import in_thread
from realtime import frames
from realtime.access import hearing_refused, may_say
from realtime.channel_names import GLOBAL, agent_channel, is_channel, session_channel
from realtime.fanout import hub
from realtime.services import (
    CLIENT_EVENTS,
    announce_connected,
    announce_disconnected,
    publish_for_client,
)
from realtime.sockets import SLOW, sockets
from realtime.tokens import Identity, InvalidToken, read_token

MOST_SUBSCRIPTIONS = 1_000
LONGEST_CHANNEL = 1_000
CLOSE_SECONDS = 1
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Refused(Exception):
    """A request that cannot be carried out; code: of the error frame."""

    def __init__(self, text: str, code: str) -> None:
        self.text = text
        self.code = code
        super().__init__(text)


class NativeConsumer(AsyncConsumer):
    """One socket. It reads the log from a position of its own, see realtime.fanout."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # No channel layer: events come from the log, and a layer drops them when it is full.
        self.scope = scope
        self.base_send = send
        self._main = asyncio.current_task()
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self._ended:
                raise
        finally:
            await self._forget()

    def __init__(self) -> None:
        self.base_send: Any
        self.client_id = _new_client_id()
        self.identity: Identity | None = None
        self.channels: set[str] = set()
        self.heard_at = time.monotonic()
        self.sending_since: float | None = None
        self._position = 0
        self._target = 0
        self._wanted = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._ended = False

    # --- what the server tells us -----------------------------------------------------------

    async def websocket_connect(self, message: Any) -> None:
        query = parse_qs(self.scope.get("query_string", b"").decode("utf-8", "replace"))
        self._claimed_session = query.get("session_id", [""])[0] or None
        await self.base_send({"type": "websocket.accept"})
        sockets.add(self)
        self._pump = asyncio.create_task(self._send_events())
        await self._send(frames.connected(self.client_id))
        self._subscribe(GLOBAL)
        if token := query.get("token", [""])[0]:
            await self._authenticate({"token": token}, answer=False)

    async def websocket_receive(self, message: Any) -> None:
        self.heard_at = time.monotonic()
        raw = message["text"] if message.get("text") is not None else message["bytes"]
        try:
            request = frames.parse(raw)
        except frames.BadFrame as error:
            await self._send(frames.error(str(error), "PARSE_ERROR"))
            return
        kind = request.get("type")
        answer = self._answers().get(kind) if isinstance(kind, str) else None
        if answer is None:
            text = f"Unknown message type: {kind}"
            await self._send(frames.error(text, "UNKNOWN_MESSAGE_TYPE", request))
            return
        await answer(request)

    async def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer

    # --- requests ---------------------------------------------------------------------------

    def _answers(self) -> dict[str, Callable[[frames.Frame], Awaitable[None]]]:
        return {
            "auth": self._on_auth,
            "subscribe": self._on_subscribe,
            "unsubscribe": self._on_unsubscribe,
            "publish": self._on_publish,
            "ping": self._on_ping,
            "pong": self._on_sign_of_life,
            "ack": self._on_sign_of_life,
        }

    async def _on_auth(self, request: frames.Frame) -> None:
        await self._authenticate(request, answer=True)

    async def _on_subscribe(self, request: frames.Frame) -> None:
        wanted = request.get("channels")
        channels = wanted if isinstance(wanted, list) else [request.get("channel")]
        try:
            for channel in channels:
                self._check_hearing(channel)
        except Refused as refused:
            await self._refuse(request, refused)
            return
        for channel in channels:
            self._subscribe(str(channel))
        await self._acknowledge(request)

    async def _on_unsubscribe(self, request: frames.Frame) -> None:
        channel = request.get("channel")
        if isinstance(channel, str):
            self._unsubscribe(channel)
        await self._acknowledge(request)

    async def _on_publish(self, request: frames.Frame) -> None:
        try:
            await self._publish(request)
        except Refused as refused:
            await self._refuse(request, refused)
        else:
            await self._acknowledge(request)

    async def _on_ping(self, request: frames.Frame) -> None:
        await self._send(frames.pong(request))

    async def _on_sign_of_life(self, request: frames.Frame) -> None:
        """Nothing to do: that it came was noted."""

    async def _acknowledge(self, request: frames.Frame) -> None:
        # Never without an id: the original's SDK subscribes again on every ack, for ever.
        if request.get("id") is not None:
            await self._send(frames.ack(request["id"]))

    async def _refuse(self, request: frames.Frame, refused: Refused) -> None:
        if request.get("id") is not None:
            await self._send(frames.ack(request["id"], error=refused.text))
        else:
            await self._send(frames.error(refused.text, refused.code))

    # --- identity ---------------------------------------------------------------------------

    async def _authenticate(self, request: frames.Frame, *, answer: bool) -> None:
        """Contract: websocket 4.2. A failure leaves an earlier identity in place."""
        try:
            identity = self._identify(request)
        except Refused as refused:
            await self._send(frames.error(refused.text, refused.code, request))
            return
        if answer:
            await self._send(frames.ack(request.get("id")))
        self._become(identity)
        await _if_database(announce_connected, identity, self.client_id)

    def _identify(self, request: frames.Frame) -> Identity:
        token, agent_id = request.get("token"), request.get("agent_id")
        if token not in (None, ""):
            try:
                identity = read_token(token)
            except InvalidToken:
                raise Refused("Invalid or expired token", "4001") from None
            return Identity(identity.agent_id, identity.session_id or self._known_session())
        if not isinstance(agent_id, str) or not agent_id or "\0" in agent_id:
            raise Refused("Missing token or agent_id", "4003")
        if settings.PRODUCTION:
            raise Refused("Token required in production mode", "4002")
        session_id = request.get("session_id")
        named = isinstance(session_id, str) and session_id and "\0" not in session_id
        return Identity(agent_id, session_id if named else self._known_session())

    def _known_session(self) -> str | None:
        mine = self.identity.session_id if self.identity else None
        return mine or self._claimed_session

    def _become(self, identity: Identity) -> None:
        """Take this identity; what only the earlier one could hear is dropped."""
        self.identity = identity
        for channel in list(self.channels):
            if hearing_refused(channel, identity):
                self._unsubscribe(channel)
        self._subscribe(agent_channel(identity.agent_id))
        if identity.session_id:
            self._subscribe(session_channel(identity.session_id))

    # --- channels ---------------------------------------------------------------------------

    def _check_hearing(self, channel: object) -> None:
        if not isinstance(channel, str) or not is_channel(channel):
            raise Refused(f"Invalid channel format: {channel}", "INVALID_CHANNEL")
        if len(channel) > LONGEST_CHANNEL:
            raise Refused("Invalid channel format: too long", "INVALID_CHANNEL")
        if refusal := hearing_refused(channel, self.identity):
            raise Refused(refusal, "NOT_AUTHORIZED")
        if channel not in self.channels and len(self.channels) >= MOST_SUBSCRIPTIONS:
            raise Refused(f"At most {MOST_SUBSCRIPTIONS} subscriptions", "TOO_MANY_SUBSCRIPTIONS")

    def _subscribe(self, channel: str) -> None:
        self.channels.add(channel)
        hub.subscribe(self, channel)

    def _unsubscribe(self, channel: str) -> None:
        self.channels.discard(channel)
        hub.unsubscribe(self, channel)

    async def _publish(self, request: frames.Frame) -> None:
        channel, event, data = request.get("channel"), request.get("event"), request.get("data", {})
        if (
            not isinstance(channel, str)
            or not is_channel(channel)
            or len(channel) > LONGEST_CHANNEL
        ):
            raise Refused(f"Invalid channel format: {channel}", "INVALID_CHANNEL")
        if not isinstance(event, str) or event not in CLIENT_EVENTS:
            raise Refused(f"Invalid event type: {event}", "INVALID_EVENT")
        if not may_say(channel, self.identity):
            raise Refused("Not authorized to publish to this channel", "NOT_AUTHORIZED")
        if not wire.is_storable(data):
            raise Refused("Invalid data: U+0000, or nested too deeply", "INVALID_DATA")
        agent_id = self.identity.agent_id if self.identity else ""
        try:
            await in_thread(
                publish_for_client, channel=channel, event=event, data=data, agent_id=agent_id
            )
        except Exception as error:
            if not is_unavailable(error):
                raise
            raise Refused("Database unavailable", "UNAVAILABLE") from None

    # --- events -----------------------------------------------------------------------------

    def wake(self, seq: int) -> None:
        """An event with this number is for one of our channels."""
        if self._position >= self._target:
            self._position = seq - 1  # what came in between was for others
        self._target = seq
        self._wanted.set()

    async def _send_events(self) -> None:
        """Send what lies between our position and the last event that is for us."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._position < self._target:
                entry = hub.tail.get(self._position + 1)
                if entry is None:
                    self.end(SLOW, "Too slow")
                    return
                for channel in entry.channels:
                    if channel in self.channels:
                        await self._send(entry.frame(channel))
                self._position += 1

    async def _send(self, frame: str) -> None:
        self.sending_since = time.monotonic()
        try:
            await self.base_send({"type": "websocket.send", "text": frame})
        finally:
            self.sending_since = None

    # --- the end ----------------------------------------------------------------------------

    def ping(self) -> None:
        if self._pump is not None and self.sending_since is None:
            self._pinging = asyncio.create_task(self._send(frames.ping()))

    def end(self, code: int, reason: str = "") -> None:
        """Close with this code, without waiting for a client that does not read."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._close(code, reason))

    async def _close(self, code: int, reason: str) -> None:
        closing = {"type": "websocket.close", "code": code, "reason": reason}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.base_send(closing)
        self._ended = True
        if self._main is not None:
            self._main.cancel()

    async def _forget(self) -> None:
        sockets.remove(self)
        for channel in list(self.channels):
            self._unsubscribe(channel)
        if self._pump is not None:
            self._pump.cancel()
        if self.identity is not None:
            await _if_database(announce_disconnected, self.identity, self.client_id)


async def _if_database(announce: Callable[[Identity, str], None], *about: Any) -> None:
    """Presence is told when it can be; a database that is away must not close the socket."""
    try:
        await in_thread(announce, *about)
    except Exception as error:
        if not is_unavailable(error):
            raise


def _new_client_id() -> str:
    """ws_<milliseconds>_<6 random>, both in base 36, as the original's."""
    number, digits = time.time_ns() // 1_000_000, ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return f"ws_{digits}_{''.join(random.choices(_DIGITS, k=6))}"  # noqa: S311  no secret
