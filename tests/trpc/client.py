"""A client that sends whatever frames a test wants, which real clients never would."""

import asyncio
import contextlib
import itertools
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from tests.sockets import PATIENCE_SECONDS

Frame = dict[str, Any]
AGENT = "5b0c1c58-0a75-4a53-9a0c-2f6f1b1f5e11"


class RawClient:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._ids = itertools.count(1)
        self._kept: list[Frame] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str, **options: Any) -> AsyncIterator[Self]:
        async with connect(url, max_size=None, proxy=None, **options) as socket:
            yield cls(socket)

    async def send(self, frame: Any) -> None:
        """A value as JSON; text and bytes as they are."""
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def text(self) -> str:
        """The next frame as it came."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = await self.socket.recv()
        assert isinstance(text, str)
        return text

    async def frame(self) -> Frame:
        """The next frame that call() has not taken."""
        if self._kept:
            return self._kept.pop(0)
        frame: Frame = json.loads(await self.text())
        return frame

    async def call(self, method: str, path: str, given: Any = ...) -> Frame:
        """The answer to one request; frames for others meanwhile are kept."""
        request_id = f"call-{next(self._ids)}"
        await self.send(request(request_id, method, path, given))
        while True:
            frame: Frame = json.loads(await self.text())
            if frame["id"] == request_id:
                return frame
            self._kept.append(frame)

    async def query(self, path: str, given: Any = ...) -> Any:
        return (await self.call("query", path, given))["result"]["data"]

    async def mutate(self, path: str, given: Any) -> Any:
        return (await self.call("mutation", path, given))["result"]["data"]

    async def subscribe(self, request_id: Any, path: str, given: Any = ...) -> None:
        """Returns once it has started; frames for others meanwhile are kept."""
        await self.send(request(request_id, "subscription", path, given))
        while True:
            frame: Frame = json.loads(await self.text())
            if frame == {"id": request_id, "result": {"type": "started"}}:
                return
            self._kept.append(frame)

    async def barrier(self) -> list[Frame]:
        """All frames that came before the answer to a PING."""
        await self.send("PING")
        frames, self._kept = self._kept, []
        while (text := await self.text()) != "PONG":
            frames.append(json.loads(text))
        return frames


def request(request_id: Any, method: str, path: str, given: Any = ...) -> Frame:
    params = {"path": path} if given is ... else {"path": path, "input": given}
    return {"id": request_id, "method": method, "params": params}


def share(key: str, value: str, **more: Any) -> Frame:
    return {"key": key, "value": value, "agentId": AGENT, **more}


def new_session() -> str:
    """A session of the test's own."""
    return f"run-{uuid.uuid4()}"
