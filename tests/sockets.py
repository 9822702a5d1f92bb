"""A client of the native WebSocket for tests: it speaks the protocol and nothing more."""

import asyncio
import contextlib
import itertools
import json
import resource
from collections.abc import AsyncIterator
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

PATIENCE_SECONDS = 15
Frame = dict[str, Any]
_marks = itertools.count(1)


class Listener:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.patience = PATIENCE_SECONDS
        self._numbers = itertools.count(1)
        self._events: list[Frame] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        async with connect(url, max_size=None) as socket:
            yield cls(socket)

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def next_frame(self) -> Frame:
        """The next frame of any kind."""
        frame: Frame = json.loads(await asyncio.wait_for(self.socket.recv(), self.patience))
        return frame

    async def ask(self, **frame: Any) -> Frame:
        """Send a request with an id and return its ack or error; events meanwhile are kept."""
        number = next(self._numbers)
        await self.send(id=number, **frame)
        while True:
            answer = await self.next_frame()
            if answer.get("id") == number:
                return answer
            if answer.get("type") == "event":
                self._events.append(answer)

    async def authenticate(self, agent_id: str) -> None:
        answer = await self.ask(type="auth", agent_id=agent_id)
        assert answer["success"], answer

    async def subscribe(self, channel: str) -> None:
        answer = await self.ask(type="subscribe", channel=channel)
        assert answer["success"], answer

    async def next_event(self, event: str | None = None, *, channel: str | None = None) -> Frame:
        """The next event, of this type and on this channel if given; others are dropped."""
        while True:
            frame = self._events.pop(0) if self._events else await self.next_frame()
            if frame.get("type") != "event":
                continue
            if event in (None, frame["event"]) and channel in (None, frame["channel"]):
                return frame

    async def heard(self) -> list[Frame]:
        """The events that this socket gets of all that was announced before this call.

        The log has an order, so our own mark comes after them. What listeners themselves cause is
        left out: their marks, and agents that come and go.
        """
        mark = {"mark": next(_marks)}
        await self.send(type="publish", channel="global", event="system.info", data=mark)
        frames: list[Frame] = []
        while (frame := await self.next_event())["data"] != mark:
            if frame["event"] not in ("agent.connected", "agent.disconnected", "system.info"):
                frames.append(frame)
        return frames


def allow_open_files(needed: int) -> None:
    """Raise the limit of this process and of those it starts; each end of a socket is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
