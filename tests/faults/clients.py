"""Writers that never give up, and readers that always come back."""

import asyncio
import contextlib
import itertools
import json
import math
import time
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 15


class Attempt(NamedTuple):
    """began: of time.monotonic(). status: 0 when the connection broke off."""

    began: float
    seconds: float
    status: int


class Writer:
    """Sends messages, one after another; after a failure it tries again, at the next server."""

    def __init__(self, name: str, *urls: str) -> None:
        self.name = name
        self.acknowledged: dict[str, str] = {}  # what was written -> id of the message
        self.attempts: list[Attempt] = []
        self._urls = itertools.cycle(urls)
        self._url = next(self._urls)

    @property
    def statuses(self) -> set[int]:
        """All that was answered."""
        return {attempt.status for attempt in self.attempts} - {0}

    async def write(self, until: asyncio.Event) -> None:
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            for number in itertools.count():
                if until.is_set():
                    return
                await self._write_one(http, f"{self.name}-{number}")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _write_one(self, http: httpx.AsyncClient, text: str) -> None:
        body = {"from_agent": self.name, "topic": "workflow.progress", "content": {"text": text}}
        # The same key each time: whether an attempt that broke off took effect cannot be known.
        key = {"Idempotency-Key": text}
        while True:
            began, status = time.monotonic(), 0
            with contextlib.suppress(httpx.TransportError):
                reply = await http.post(f"{self._url}/api/messages", json=body, headers=key)
                status = reply.status_code
            self.attempts.append(Attempt(began, time.monotonic() - began, status))
            if status == 201:
                self.acknowledged[text] = reply.json()["message"]["id"]
                return
            self._url = next(self._urls)
            await asyncio.sleep(PAUSE_SECONDS)


class Reader:
    """Hears of all messages on `global`, over any number of connections to any of the servers."""

    def __init__(self, *urls: str) -> None:
        self.events: dict[int, str] = {}  # number in the log -> message
        self.order: list[int] = []
        self.unrecovered: list[dict[str, Any]] = []
        self.connections = 0
        self.closings: list[int] = []
        self._urls = itertools.cycle(urls)
        self._last_id = ""
        self._since: float | None = None  # of time.monotonic(): when it began to hear

    async def read(self) -> None:
        """Until cancelled."""
        for url in self._urls:
            with contextlib.suppress(OSError, TimeoutError):
                await self._read_from(f"{url}/?ack=none&{self._place()}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read_from(self, url: str) -> None:
        async with connect(url, max_size=None, open_timeout=PATIENCE_SECONDS) as socket:
            self.connections += 1
            self._since = self._since or time.monotonic()
            with contextlib.suppress(ConnectionClosed):
                async for text in socket:
                    self._take(json.loads(text))
        self.closings.append(socket.close_code or 0)

    def _place(self) -> str:
        """From where on to hear. Who was cut off before the first event says for how long."""
        if self._last_id or self._since is None:
            return f"last_event_id={self._last_id}"
        return f"since={math.ceil(time.monotonic() - self._since)}s"

    def _take(self, frame: dict[str, Any]) -> None:
        if frame.get("recovered") is False:
            self.unrecovered.append(frame)
        if frame.get("type") != "event":
            return
        self._last_id = frame["id"]
        if frame["event"] == "message.new":
            number = int(frame["id"].rpartition("_")[2])
            self.events[number] = frame["data"]["id"]
            self.order.append(number)

    async def until_heard(self, wanted: set[str], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not wanted <= set(self.events.values()):
                await asyncio.sleep(PAUSE_SECONDS)
