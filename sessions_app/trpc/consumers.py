"""The tRPC WebSocket. Contract: coordinator 1, 2, 8, 11.

Requests are worked off one after another, so a client that sends faster than we answer waits at its
own end. Events go out beside them, from the socket's own position in the log; what changes the
subscriptions takes turns with them, so that `started` comes before the first event and nothing
after `stopped`.
"""

import asyncio
import contextlib
import logging
import time
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from dcm.lib.errors import DomainError, is_unavailable, tellable
from dcm.lib.keys.ring import NO_LONGER_VALID, ring
from dcm.lib.logs import begin_with
from dcm.lib.threads import in_thread
from realtime.channel_names import session_channel
from realtime.cursor import Cursor
from realtime.fanout import hub
from realtime.log import Entry
from realtime.tokens import Expiry
from sessions_app.trpc import frames
from sessions_app.trpc.access import TooManySockets, header_token, identify, url_parameters
from sessions_app.trpc.frames import Call, Stop, Unreadable
from sessions_app.trpc.leases import leases
from sessions_app.trpc.procedures import Caller, call_procedure, topic_of
from sessions_app.trpc.subscriptions import (
    REPLAY_BATCH,
    Happening,
    Subscription,
    happening_of,
    open_subscription,
    read_happenings,
)

logger = logging.getLogger("dcm.coordinator")

QUIET_SECONDS = 30.0
PING_ANSWER_SECONDS = 5.0
SLOW_SECONDS = 10.0
CLOSE_SECONDS = 1.0
MOST_REQUESTS = 5_000
MOST_SUBSCRIPTIONS = 2_000
MOST_HELD_AGENTS = 1_000
TRY_AGAIN, SLOW = 1013, 4008


class DuplicateId(DomainError):
    """Text: `Duplicate id 9`."""


class TooManySubscriptions(DomainError):
    message = f"Too many subscriptions: at most {MOST_SUBSCRIPTIONS}"
    status = 429


class TooManyRequests(DomainError):
    message = f"Too many requests in one frame: at most {MOST_REQUESTS}"
    status = 429


class CoordinatorConsumer(AsyncConsumer):
    """One socket of a coordinator client."""

    def __init__(self) -> None:
        self._caller: Caller | None = None
        self._refusal: DomainError | None = None
        self._key_id = ""
        self._expiry = Expiry(lambda: self.end(NO_LONGER_VALID))
        self._subscriptions: dict[tuple[bool, frames.RequestId], Subscription] = {}
        self._agents: set[str] = set()
        self._heard_at = time.monotonic()
        self._working = False
        self._turn = asyncio.Lock()
        self._cursor = Cursor()
        self._parameters: dict[str, str] = {}
        self._awaits_parameters = False
        self._tasks: list[asyncio.Task[None]] = []
        self._ended = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # No channel layer: events come from the log, and a layer drops them when it is full.
        self.scope = scope
        self._transmit = send
        self._main = asyncio.current_task()
        try:
            while True:
                message = await receive()
                await getattr(self, message["type"].replace(".", "_"))(message)
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self._ended:
                raise
        finally:
            await self._forget()

    # --- beginning and end ------------------------------------------------------------------

    async def websocket_connect(self, message: Any) -> None:
        self._parameters = url_parameters(self.scope["query_string"])
        self._awaits_parameters = self._parameters.get("connectionParams") == "1"
        if not self._awaits_parameters:
            await self._identify()
        offered = [*self.scope["subprotocols"], None]
        await self._transmit({"type": "websocket.accept", "subprotocol": offered[0]})
        # What the server says on its own before it shuts down. Contract: coordinator 8.
        self.scope.setdefault("state", {})["last_words"] = frames.RECONNECT_FRAME
        leases.open()
        self._tasks = [
            asyncio.create_task(self._send_events()),
            asyncio.create_task(self._keep_alive()),
        ]

    async def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer

    def end(self, code: int, reason: str = "") -> None:
        """Close with this code, without waiting for a client that does not read."""
        self._tasks.append(asyncio.create_task(self._end(code)))

    async def _end(self, code: int) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._close(code)
        self._drop()

    async def _close(self, code: int) -> None:
        self._ended = True
        await self._transmit({"type": "websocket.close", "code": code})

    def _drop(self) -> None:
        """Leave the connection to the server, which cuts it unless it was closed."""
        self._ended = True
        if self._main is not None:
            self._main.cancel()

    async def _forget(self) -> None:
        self._ended = True
        self._expiry.forget()
        if self._key_id:
            ring.let_go(self._key_id, self)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if self._caller is not None:
            hub.unsubscribe(self, session_channel(self._caller.session_id))
        if self._tasks:
            await leases.close(self._agents)

    async def _send(self, frame: str) -> None:
        """Raises OSError once the client has gone, or when it does not read for too long."""
        if self._ended:
            return
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await self._transmit({"type": "websocket.send", "text": frame})
        except TimeoutError:
            self.end(SLOW)
            raise

    # --- who it is --------------------------------------------------------------------------

    async def _identify(self) -> None:
        """A refusal is kept, to answer every call with. Contract: coordinator 8."""
        token = self._parameters.get("token") or header_token(dict(self.scope["headers"]))
        try:
            session = self._parameters.get("session", "")
            admitted = await identify(token=token, session=session)
            if admitted.key_id and not ring.hold(admitted.key_id, self):
                raise TooManySockets
            self._caller, self._key_id = admitted.caller, admitted.key_id
            self._expiry.follow(admitted.expires_at_ms)
        except Exception as error:
            self._refusal = tellable(error)
            if self._refusal is None:
                raise

    def about(self) -> dict[str, str]:
        """For the log."""
        session = self._caller.session_id if self._caller else ""
        return {"session": session, "agent": ",".join(sorted(self._agents))}

    async def _take_parameters(self, text: str) -> None:
        try:
            self._parameters |= frames.parse_connection_params(text)
        except Unreadable as error:
            await self._send(frames.unreadable_frame(error))
            await self._close(1000)
            return
        self._awaits_parameters = False
        await self._identify()

    # --- requests ---------------------------------------------------------------------------

    async def websocket_receive(self, message: Any) -> None:
        self._heard_at = time.monotonic()
        self._working = True
        try:
            await self._read(message.get("text"))
        except OSError:
            raise StopConsumer from None
        finally:
            self._working = False
            self._heard_at = time.monotonic()

    async def _read(self, text: str | None) -> None:
        if text == "PING":
            await self._send("PONG")
        elif text == "PONG" or self._ended:
            return
        elif text is None:
            await self._send(frames.unreadable_frame(Unreadable("Binary frames are not read")))
        elif self._awaits_parameters:
            await self._take_parameters(text)
        else:
            await self._work_off(text)

    async def _work_off(self, text: str) -> None:
        try:
            requests = frames.parse_frame(text)
        except Unreadable as error:
            await self._send(frames.unreadable_frame(error))
            return
        for number, request in enumerate(requests):
            if isinstance(request, Stop):
                await self._stop(request)
            elif number >= MOST_REQUESTS:
                await self._send(frames.error_frame(request, TooManyRequests()))
            else:
                await self._answer(request)

    async def _answer(self, call: Call) -> None:
        begin_with(self)
        try:
            if self._caller is None:
                raise self._refusal or RuntimeError("nobody asked who this is")
            if call.method == "subscription":
                await self._subscribe(call, self._caller)
            else:
                data, frame = await in_thread(_carry_out, call, self._caller)
                self._follow_agent(call, data)
                await self._send(frame)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  every error has an envelope
            await self._send(frames.error_frame(call, _in_words(error, call.path)))

    def _follow_agent(self, call: Call, data: Any) -> None:
        """Hold the agents that this socket joined or writes as; they stay as long as it does."""
        named: str = call.input.get("agentId", "") if isinstance(call.input, dict) else ""
        if call.path == "session.join":
            self._hold(data["agent"]["id"])
        elif call.path == "session.leave":
            self._let_go(named)
        elif call.method == "mutation":
            self._hold(named)
        elif call.path == "questions.listPending" and named:
            leases.name(named)

    def _hold(self, agent_id: str) -> None:
        if agent_id not in self._agents and len(self._agents) < MOST_HELD_AGENTS:
            self._agents.add(agent_id)
            leases.hold(agent_id)

    def _let_go(self, agent_id: str) -> None:
        if agent_id in self._agents:
            self._agents.remove(agent_id)
            leases.let_go(agent_id)

    # --- subscriptions ----------------------------------------------------------------------

    async def _subscribe(self, call: Call, caller: Caller) -> None:
        topic = topic_of(call)
        key = _key(call)
        if key in self._subscriptions:
            raise DuplicateId(f"Duplicate id {call.id}")
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise TooManySubscriptions
        # Before the log is read: what is committed after that wakes us, and has to wait its turn.
        hub.subscribe(self, session_channel(caller.session_id))
        async with self._turn:
            opening = await in_thread(open_subscription, call, topic, caller.session_id)
            subscription = Subscription(call, topic, opening.resume_after)
            await self._send(frames.started_frame(call))
            if opening.agents is not None:
                subscription.agents = opening.agents
                await self._send(subscription.listing_frame())
            await self._replay(subscription, caller.session_id, upto=opening.head)
            self._subscriptions[key] = subscription

    async def _replay(self, subscription: Subscription, session_id: str, *, upto: int) -> None:
        channel, after = session_channel(session_id), subscription.after
        while after < upto:
            missed = await in_thread(read_happenings, channel, after=after, upto=upto)
            for happening in missed:
                await self._tell(subscription, happening)
            after = missed[-1].seq if len(missed) == REPLAY_BATCH else upto
        subscription.after = max(subscription.after, upto)

    async def _stop(self, stop: Stop) -> None:
        async with self._turn:
            subscription = self._subscriptions.pop(_key(stop), None)
            if subscription is not None:
                await self._send(frames.stopped_frame(subscription.call))

    async def _tell(self, subscription: Subscription, happening: Happening) -> None:
        frame = subscription.frame_of(happening)
        if frame is not None:
            await self._send(frame)

    # --- events -----------------------------------------------------------------------------

    def wake(self, entry: Entry) -> None:
        """This event is for our session."""
        self._cursor.wake(entry.seq)

    def overhear(self, message: dict[str, Any]) -> None:
        """Sessions have no values that pass the log by."""

    async def _send_events(self) -> None:
        """Send what lies between our position and the last event that is for us."""
        try:
            while True:
                await self._cursor.until_behind()
                while self._cursor.is_behind:
                    for happening in await self._next_happenings():
                        await self._tell_all(happening)
        except OSError:
            return
        except Exception as error:
            if not is_unavailable(error):
                logger.exception("events of a socket could not be sent")
            self.end(TRY_AGAIN)

    async def _next_happenings(self) -> list[Happening]:
        """What the next number stands for, or, if we fell out of the tail, the next ones."""
        assert self._caller is not None
        channel = session_channel(self._caller.session_id)
        cursor = self._cursor
        entry = hub.tail.get(cursor.position + 1)
        if entry is not None:
            cursor.position += 1
            happening = happening_of(entry) if channel in entry.channels else None
            return [happening] if happening else []
        upto = cursor.target
        missed = await in_thread(read_happenings, channel, after=cursor.position, upto=upto)
        cursor.position = missed[-1].seq if len(missed) == REPLAY_BATCH else upto
        return missed

    async def _tell_all(self, happening: Happening) -> None:
        async with self._turn:
            for subscription in self._subscriptions.values():
                await self._tell(subscription, happening)

    # --- keep-alive -------------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        """Contract: coordinator 1. A client that does not answer is cut off without a word."""
        with contextlib.suppress(OSError):
            while True:
                await self._until_quiet()
                asked_at = time.monotonic()
                await self._send("PING")
                await asyncio.sleep(PING_ANSWER_SECONDS)
                if self._heard_at < asked_at and not self._working:
                    self._drop()

    async def _until_quiet(self) -> None:
        # An event would have to be set anew by every frame; this wakes once or twice a minute.
        while (left := self._heard_at + QUIET_SECONDS - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)


def _key(ask: frames.Ask) -> tuple[bool, frames.RequestId]:
    """9 and "9" are different ids."""
    return isinstance(ask.id, str), ask.id


def _carry_out(call: Call, caller: Caller) -> tuple[Any, str]:
    """What the procedure returned, and its frame: a long list takes a while to write."""
    data = call_procedure(call, caller)
    return data, frames.result_frame(call, data)


def _in_words(error: Exception, path: str) -> Exception:
    """The error in words for the client; what it cannot mend goes to the log."""
    known = tellable(error)
    if known is None:
        logger.error("%s failed", path, exc_info=error)
        return error
    if known is not error:
        logger.warning("database unavailable: %s", error)
    return known
