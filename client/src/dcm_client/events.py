"""Live events over the native WebSocket: a stream that comes back by itself and misses nothing."""

import asyncio
import contextlib
import itertools
import math
import os
import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from dcm_client.errors import (
    ConnectionFailed,
    Overloaded,
    ServerFailed,
    StreamClosed,
    StreamRefused,
)

DEFAULT_URL = "ws://127.0.0.1:3849"
GAP = "stream.gap"
PATIENCE_SECONDS = 10
PING_SECONDS = 25
LONGEST_WAIT_SECONDS = 30.0
MOST_WAITING = 10_000  # events that nobody took yet; beyond it the server has to wait
MOST_REMEMBERED = 10_000
NORMAL_CLOSURE = 1000

Frame = dict[str, Any]
Token = str | Callable[[], Awaitable[str]]


class Event(msgspec.Struct, kw_only=True):
    """type: as in task.created; GAP for what could not be replayed, with the reason in data."""

    id: str
    type: str
    channel: str
    data: Any
    timestamp: int


class EventStream:
    """`async with EventStream(agent_id="backend") as stream: async for event in stream: ...`.

    Each event comes once, in the order of the log, on whichever of the channels came first.
    url: of the socket, or the HTTP address of the server; also from DCM_WS_URL or DCM_URL.
    token: or a coroutine function that gets a fresh one, for it is needed again to come back.
    channels: beside `global` and those of the agent and its session.
    types: pass on only these, `task.*` for a family.
    last_event_id: begin with what came after this event.
    retries: how often in a row to try to come back; None: for ever.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        agent_id: str | None = None,
        session_id: str | None = None,
        token: Token | None = None,
        channels: Collection[str] = (),
        types: Collection[str] = (),
        last_event_id: str | None = None,
        retries: int | None = 10,
        first_wait_seconds: float = 1.0,
    ) -> None:
        self.url = _socket_url(url, os.environ)
        self.last_event_id = last_event_id
        self._resume_after = last_event_id
        self._agent_id, self._session_id, self._token = agent_id, session_id, token
        self._channels = set(channels)
        self._unwanted: set[str] = set()
        self._types = tuple(types)
        self._retries = retries
        self._first_wait = first_wait_seconds
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._heard_since: float | None = None
        self._newest: tuple[int, str] | None = None  # while channels are being taken again
        self._numbers = itertools.count(1)
        self._answers: dict[int | str, asyncio.Future[Frame]] = {}
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[int] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        self._keeper = asyncio.create_task(self._keep_open())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        for task in (self._keeper, self._reader):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._socket is not None:
            await self._socket.close()
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            yield await self.next_event()

    async def next_event(self, *types: str) -> Event:
        """The next event, of one of these types if given; others are dropped.

        Raises StreamClosed once the stream has ended.
        """
        while (event := await self._queue.get()) is not None:
            if self._queue.qsize() < MOST_WAITING:
                self._room.set()
            if event.id:
                self.last_event_id = event.id
                await self._acknowledge(event)
            if event.type == GAP or _is_one_of(event.type, types):
                return event
        self._queue.put_nowait(None)  # for whoever asks again
        raise self._failure or StreamClosed("The stream is closed")

    # --- requests -------------------------------------------------------------------------------

    async def subscribe(self, *channels: str) -> None:
        """Hear these channels, too. Raises StreamRefused."""
        await self._ask(type="subscribe", channels=list(channels))
        self._channels |= set(channels)
        self._unwanted -= set(channels)

    async def unsubscribe(self, channel: str) -> None:
        await self._ask(type="unsubscribe", channel=channel)
        self._channels.discard(channel)
        self._unwanted.add(channel)

    async def publish(self, channel: str, event: str, data: Any = None) -> None:
        """Raises StreamRefused."""
        await self._ask(
            type="publish", channel=channel, event=event, data={} if data is None else data
        )

    async def _ask(self, **request: Any) -> Frame:
        """Send a request, return its ack. Raises StreamRefused, StreamClosed."""
        number = next(self._numbers)
        self._room.set()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = self._answer_to(number)
                await self._send(id=number, **request)
                reply = await answer
        except (ConnectionClosed, TimeoutError) as error:
            raise StreamClosed(f"{request['type']}: no answer") from error
        finally:
            self._answers.pop(number, None)
        if reply.get("success") is not True:
            raise StreamRefused(str(reply.get("error")), reply.get("code"))
        return reply

    def _answer_to(self, number: int | str) -> "asyncio.Future[Frame]":
        self._answers[number] = asyncio.get_running_loop().create_future()
        return self._answers[number]

    async def _send(self, **frame: Any) -> None:
        if self._socket is None:
            raise StreamClosed("The stream is not open")
        await self._socket.send(msgspec.json.encode(frame).decode())

    async def _acknowledge(self, event: Event) -> None:
        # The one who is gone tells it again when we are back, and then it is known already.
        with contextlib.suppress(ConnectionClosed, StreamClosed):
            await self._send(type="ack", message_id=event.id)

    # --- the connection -------------------------------------------------------------------------

    async def _open(self) -> None:
        """Connect and take the channels. Raises ConnectionFailed, StreamRefused."""
        token = await self._token() if callable(self._token) else self._token
        connected = self._answer_to("connected")
        self._newest = (-1, "")
        try:
            url = self._place()
            self._socket = await connect(
                url, max_size=None, open_timeout=PATIENCE_SECONDS, proxy=None
            )
            self._reader = asyncio.create_task(self._read(self._socket))
            async with asyncio.timeout(PATIENCE_SECONDS):
                greeting = await connected
            self._heard_since = self._heard_since or time.monotonic()
            if greeting.get("recovered") is False:
                self._begin_anew(str(greeting.get("reason")))
            await self._introduce(token)
        except StreamRefused:
            await self._drop()
            raise
        except (OSError, ValueError, WebSocketException, StreamClosed) as error:
            await self._drop()
            raise ConnectionFailed(f"{self.url}: {str(error) or type(error).__name__}") from error
        finally:
            self._answers.pop("connected", None)
        # Only now is everything there that came before the newest.
        number, event_id = self._newest
        self._newest = None
        if number >= 0:
            self._resume_after = event_id

    def _place(self) -> str:
        """The address, and from where on we want to hear what came meanwhile.

        Who has heard nothing yet asks for all since it began, give or take a second.
        """
        query = {"session_id": self._session_id, "last_event_id": self._resume_after}
        if self._heard_since and not self._resume_after:
            query["since"] = f"{math.ceil(time.monotonic() - self._heard_since)}s"
        given = {name: value for name, value in query.items() if value}
        return f"{self.url}?{urlencode(given)}" if given else self.url

    async def _drop(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def _introduce(self, token: str | None) -> None:
        if token or self._agent_id:
            identity = {"token": token} if token else {"agent_id": self._agent_id}
            session = {"session_id": self._session_id} if self._session_id else {}
            await self._ask(type="auth", **identity, **session)
        if self._channels:
            await self._ask(type="subscribe", channels=sorted(self._channels))
        for channel in sorted(self._unwanted):
            await self._ask(type="unsubscribe", channel=channel)

    async def _keep_open(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                pinging = tasks.create_task(self._ping_for_ever())
                while self._reader is not None and await self._reader != NORMAL_CLOSURE:
                    await self._come_back()
                pinging.cancel()
        except* Exception as group:  # noqa: BLE001  whoever reads the stream gets it
            self._failure = group.exceptions[0]
        finally:
            self._queue.put_nowait(None)

    async def _come_back(self) -> None:
        """Raises StreamClosed when nothing helps, StreamRefused when we are not wanted."""
        attempts = itertools.count() if self._retries is None else range(self._retries)
        for attempt in attempts:
            longest = min(self._first_wait * 2**attempt, LONGEST_WAIT_SECONDS)
            await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311
            with contextlib.suppress(ConnectionFailed, Overloaded, ServerFailed):
                await self._open()
                return
        raise StreamClosed(f"{self.url}: could not come back")

    async def _ping_for_ever(self) -> None:
        """The server closes sockets from which it hears nothing."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            with contextlib.suppress(ConnectionClosed, StreamClosed):
                await self._send(type="ping")

    # --- frames ---------------------------------------------------------------------------------

    async def _read(self, socket: ClientConnection) -> int:
        """Until the end of the connection; its close code."""
        try:
            async for text in socket:
                with contextlib.suppress(msgspec.DecodeError):
                    await self._take(msgspec.json.decode(text, type=dict[str, Any]))
        except ConnectionClosed:
            pass
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(StreamClosed("The connection was lost"))
                    answer.exception()  # nobody may be waiting any more
        return socket.close_code or 1006

    async def _take(self, frame: Frame) -> None:
        kind = frame.get("type")
        if kind == "event":
            await self._take_event(frame)
        elif kind == "ping":
            await self._send(type="pong")
        else:
            answer = self._answers.get("connected" if kind == "connected" else frame.get("id", ""))
            if answer is not None and not answer.done():
                answer.set_result(frame)

    async def _take_event(self, frame: Frame) -> None:
        event_id, kind = str(frame.get("id", "")), str(frame.get("event"))
        if event_id in self._seen:
            return
        self._remember(event_id)
        event = Event(
            id=event_id,
            type=kind,
            channel=str(frame.get("channel")),
            data=frame.get("data"),
            timestamp=int(frame.get("timestamp") or 0),
        )
        if not _is_one_of(kind, self._types):
            with contextlib.suppress(ConnectionClosed):
                await self._acknowledge(event)
            return
        self._queue.put_nowait(event)
        while self._queue.qsize() >= MOST_WAITING and not self._answers:
            self._room.clear()
            await self._room.wait()

    def _remember(self, event_id: str) -> None:
        self._seen[event_id] = None
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        if self._newest is None:
            self._resume_after = event_id
        else:
            number = event_id.rpartition("_")[2]
            self._newest = max(self._newest, (int(number) if number.isdecimal() else 0, event_id))

    def _begin_anew(self, reason: str) -> None:
        """What came meanwhile is not replayed. Raises StreamClosed when it may be, later."""
        if reason == "unavailable":
            raise StreamClosed("The event log cannot be read now")
        self._resume_after, self._heard_since = None, time.monotonic()
        gap = Event(id="", type=GAP, channel="", data={"reason": reason}, timestamp=0)
        self._queue.put_nowait(gap)


def _is_one_of(kind: str, wanted: Collection[str]) -> bool:
    """Whether none is asked for, or this, or its family as `task.*`."""
    return not wanted or kind in wanted or f"{kind.partition('.')[0]}.*" in wanted


def _socket_url(url: str | None, environment: "os._Environ[str]") -> str:
    for name in ("DCM_WS_URL", "CONTEXT_MANAGER_WS_URL", "DCM_URL", "CONTEXT_MANAGER_URL"):
        url = url or environment.get(name)
    url = (url or DEFAULT_URL).rstrip("/")
    # The main port has the sockets, too.
    return f"ws{url.removeprefix('http')}/ws" if url.startswith("http") else url
