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
from django.conf import settings

from dcm.lib.errors import DomainError, tellable
from dcm.lib.keys.callers import ANYBODY, Caller
from dcm.lib.keys.ring import NO_LONGER_VALID, ring
from dcm.lib.logs import begin_with
from dcm.lib.threads import in_thread
from dcm.lib.throttle import Bucket
from realtime import frames, unlogged
from realtime.access import (
    TooManySockets,
    channel_of,
    check_hearing,
    check_saying,
    event_of,
    identify,
    may_hear,
)
from realtime.channel_names import GLOBAL, METRICS, agent_channel, session_channel
from realtime.fanout import hub
from realtime.frames import Frame, Refused, UnknownType
from realtime.presence import Change, changes, forget, remember, remembered
from realtime.rates import heartbeats
from realtime.services import publish_for_client
from realtime.signals import tell_alive
from realtime.sockets import sockets
from realtime.stream import OWN_EVENT_SECONDS, Stream
from realtime.tokens import Expiry, Identity
from realtime.unlogged import Passing
from realtime.waiting import acknowledgements

logger = logging.getLogger("dcm.realtime")

MOST_SUBSCRIPTIONS = 1_000
PUBLISHES_PER_SECOND, PUBLISH_BURST = 100, 500
MOST_FLOODS = 1_000
FLOOD = 4029
LARGEST_FRAME = 16 * 2**20
TOO_BIG = 1009
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class TooFast(Refused):
    message = "Too many publishes; slow down"
    code = "RATE_LIMITED"


class TooManySubscriptions(Refused):
    message = f"At most {MOST_SUBSCRIPTIONS} subscriptions"
    code = "TOO_MANY_SUBSCRIPTIONS"


class Failed(Refused):
    message = "Internal error"
    code = "INTERNAL_ERROR"


class NativeConsumer(Stream, AsyncConsumer):
    """One socket: what it asks for. What it hears is its Stream."""

    def __init__(self) -> None:
        super().__init__()
        self.client_id = _new_client_id()
        self.identity: Identity | None = None
        self.caller = ANYBODY
        self._expiry = Expiry(lambda: self.end(NO_LONGER_VALID, "Token expired"))
        self.opened_at = time.monotonic()
        self.heard_at = time.monotonic()
        self._publishing = Bucket(rate=PUBLISHES_PER_SECOND, burst=PUBLISH_BURST)
        self._floods = 0
        self._answers: dict[str, Callable[[Frame], Awaitable[None]]] = {
            "auth": self._on_auth,
            "subscribe": self._on_subscribe,
            "unsubscribe": self._on_unsubscribe,
            "publish": self._on_publish,
            "ping": self._on_ping,
            "pong": self._on_sign_of_life,
            "ack": self._on_ack,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # No channel layer: events come from the log, and a layer drops them when it is full.
        self.scope = scope
        self._transmit = send
        self._write_frame = scope.get("state", {}).get("write_frame", self._write_frame)
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
        query = _parameters(self.scope)
        self._claimed_session = query.get("session_id")
        self._tracks = query.get("ack") != "none"
        await self._transmit({"type": "websocket.accept"})
        sockets.add(self)
        self._start(self._send_events())
        report = await self._find_start(query)
        await self._send(frames.connected_frame(self.client_id, report))
        if may_hear(GLOBAL, None):
            await self._hear([GLOBAL])
        if token := query.get("token"):
            await self._answer({"type": "auth", "token": token}, self._authenticate)

    async def websocket_receive(self, message: Any) -> None:
        self.heard_at = time.monotonic()
        frame = message.get("text") or message.get("bytes") or ""
        if len(frame) > LARGEST_FRAME:
            self.end(TOO_BIG, "Message too big")
            return
        request: Frame = {}
        try:
            request = frames.parse(frame)
            kind = request.get("type")
            if not isinstance(kind, str) or kind not in self._answers:
                raise UnknownType(f"Unknown message type: {frames.quote(request, 'type')}")
        except Refused as refused:
            await self._send(frames.error_frame(refused, request))
            return
        await self._answer(request, self._answers[kind])

    async def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer

    def about(self) -> dict[str, str]:
        """For the log."""
        who = self.identity
        known = {"agent": who.agent_id, "session": who.session_id or ""} if who else {}
        return {"socket": self.client_id, **known}

    # --- requests ---------------------------------------------------------------------------

    async def _answer(self, request: Frame, answer: Callable[[Frame], Awaitable[None]]) -> None:
        """Whatever goes wrong with a request is told in a frame; the socket stays open."""
        try:
            await answer(request)
        except OSError:
            raise
        except Exception as error:
            known = tellable(error)
            if known is None:
                logger.exception("a request of a socket failed")
            await self._refuse(request, known or Failed())

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
            check_hearing(channel, self.identity, self.caller)
        if len(self.channels | wanted) > MOST_SUBSCRIPTIONS:
            raise TooManySubscriptions
        await self._hear(wanted)
        if self.identity is not None:
            agent_id = self.identity.agent_id
            await _if_possible(in_thread(remember, agent_id, wanted, wanted=True))
        await self._acknowledge(request)
        if METRICS in wanted:
            await _if_possible(self._show(METRICS))

    async def _show(self, channel: str) -> None:
        """What passes the log by is not replayed, so newcomers get it as it is now."""
        snapshot = unlogged.snapshots.get(channel)
        if snapshot is not None:
            event, data = await in_thread(snapshot)
            await self._pass_on(unlogged.message(Passing(channel, event, data)))

    async def _on_unsubscribe(self, request: Frame) -> None:
        channel = request.get("channel")
        if isinstance(channel, str) and channel in self.channels:
            self._unsubscribe(channel)
            await self._forget_channel(channel)
        await self._acknowledge(request)

    async def _forget_channel(self, channel: str) -> None:
        if self.identity is None:
            return
        agent_id = self.identity.agent_id
        if channel == GLOBAL:  # which it would get by itself again
            await _if_possible(in_thread(remember, agent_id, [GLOBAL], wanted=False))
        else:
            await _if_possible(in_thread(forget, agent_id, channel))

    async def _on_publish(self, request: Frame) -> None:
        if not self._publishing.take():
            await self._count_flood()
        channel, event = channel_of(request), event_of(request)
        check_saying(channel, self.identity, self.caller)
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

    async def _count_flood(self) -> None:
        """Who goes on all the same is closed. Raises TooFast."""
        self._floods += 1
        if self._floods >= MOST_FLOODS:
            self.end(FLOOD, "Too many requests")
        raise TooFast

    async def _on_ping(self, request: Frame) -> None:
        await self._send(frames.pong_frame(request))
        if self.identity is not None and heartbeats.is_due(self.identity.agent_id):
            who = {"agent_id": self.identity.agent_id, "session_id": self.identity.session_id}
            about = {**who, "client_id": self.client_id}
            beat = Passing(agent_channel(self.identity.agent_id), "agent.heartbeat", about)
            await _if_possible(in_thread(unlogged.tell, beat))
            await _if_possible(in_thread(tell_alive, who))

    async def _on_ack(self, request: Frame) -> None:
        waited = self.deliveries.acknowledge(request.get("message_id", request.get("id")))
        if waited is not None and not self._ended:
            acknowledgements.note(*waited)

    async def _on_sign_of_life(self, request: Frame) -> None:
        """Nothing to do: that it came was noted."""

    # --- identity ---------------------------------------------------------------------------

    async def _on_auth(self, request: Frame) -> None:
        await self._authenticate(request, acknowledged=True)

    async def _authenticate(self, request: Frame, *, acknowledged: bool = False) -> None:
        """Contract: websocket 4.2. A failure leaves an earlier identity in place."""
        known = self.identity.session_id if self.identity else None
        identity, caller = await identify(request, known or self._claimed_session)
        report = await self._find_start(request)
        self._take_identity(identity, caller)
        begin_with(self)
        if acknowledged:  # also without an id, or the original's SDK never counts as authenticated
            await self._send(frames.ack_frame(request, report))
        await self._take_channels(identity)
        await _if_possible(changes.submit(Change(self.client_id, identity, connected=True)))

    def _take_identity(self, identity: Identity, caller: Caller) -> None:
        """Raises TooManySockets."""
        if identity.key_id and not ring.hold(identity.key_id, self):
            raise TooManySockets
        if self.identity is not None and self.identity.key_id != identity.key_id:
            ring.let_go(self.identity.key_id, self)
        self.identity, self.caller = identity, caller
        self._expiry.follow(identity.expires_at_ms)

    async def _take_channels(self, identity: Identity) -> None:
        """Its own private ones; those that only an earlier identity could hear are dropped."""
        for channel in list(self.channels):
            if not may_hear(channel, identity, self.caller):
                self._unsubscribe(channel)
        self._agent_id = identity.agent_id
        session = [session_channel(identity.session_id)] if identity.session_id else []
        late = [GLOBAL] if settings.PRODUCTION and may_hear(GLOBAL, identity, self.caller) else []
        await self._hear([*late, agent_channel(identity.agent_id), *session])
        await _if_possible(self._restore(identity))

    async def _restore(self, identity: Identity) -> None:
        """Contract: websocket 11, W20. What it may no longer hear stays out."""
        earlier = await in_thread(remembered, identity.agent_id)
        wanted = [
            channel
            for channel, is_wanted in earlier.items()
            if is_wanted and may_hear(channel, identity, self.caller)
        ]
        await self._hear(wanted[: MOST_SUBSCRIPTIONS - len(self.channels)])
        if earlier.get(GLOBAL) is False:
            self._unsubscribe(GLOBAL)

    # --- the end ----------------------------------------------------------------------------

    async def _forget(self) -> None:
        sockets.remove(self)
        self._expiry.forget()
        if self.identity is not None and self.identity.key_id:
            ring.let_go(self.identity.key_id, self)
        for channel in list(self.channels):
            self._unsubscribe(channel)
        for task in self._tasks:
            task.cancel()
        if self.identity is not None:
            await _if_possible(acknowledgements.store())
            gone = Change(self.client_id, self.identity, connected=False)
            await _if_possible(changes.submit(gone))


def _parameters(scope: Any) -> dict[str, str]:
    """The parameters of the URL that say something; of a repeated one the first counts."""
    parsed = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"))
    return {name: values[0] for name, values in parsed.items()}


async def _if_possible(announcement: Awaitable[None]) -> None:
    """Presence is told when it can be; a database that is away must not close the socket."""
    try:
        await announcement
    except Exception as error:
        if tellable(error) is None:
            raise


def _new_client_id() -> str:
    """ws_<milliseconds>_<6 random>, both in base 36, as the original's."""
    number, digits = time.time_ns() // 1_000_000, ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return f"ws_{digits}_{''.join(random.choices(_DIGITS, k=6))}"  # noqa: S311  no secret
