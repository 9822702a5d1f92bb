"""Writers that never give up, and readers that always come back."""

import asyncio
import contextlib
import itertools
import json
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PAUSE_SECONDS = 0.02


class Writer:
    """Begins sessions, one after another, at one server; what was answered 201 is on record."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()

    async def write(self, until: asyncio.Event) -> None:
        async with httpx.AsyncClient(timeout=10) as http:
            for number in itertools.count():
                if until.is_set():
                    return
                await self._write_one(http, f"{self.name}-{number}")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _write_one(self, http: httpx.AsyncClient, session_id: str) -> None:
        # The same key each time: whether an attempt that broke off took effect cannot be known.
        key = {"Idempotency-Key": session_id}
        while True:
            with contextlib.suppress(httpx.TransportError):
                url = f"{self.url}/api/sessions"
                reply = await http.post(url, json={"id": session_id}, headers=key)
                self.statuses.add(reply.status_code)
                if reply.status_code == 201:
                    self.acknowledged.append(session_id)
                    return
            await asyncio.sleep(PAUSE_SECONDS)


class Reader:
    """Hears of all sessions on `global`, over any number of connections to any of the servers."""

    def __init__(self, *urls: str) -> None:
        self.urls = itertools.cycle(urls)
        self.events: dict[int, str] = {}  # number in the log -> session
        self.order: list[int] = []
        self.unrecovered: list[dict[str, Any]] = []
        self.connections = 0
        self._last_id = ""

    async def read(self) -> None:
        """Until cancelled."""
        for url in self.urls:
            with contextlib.suppress(OSError, ConnectionClosed, TimeoutError):
                await self._read_from(f"{url}/?ack=none&last_event_id={self._last_id}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read_from(self, url: str) -> None:
        async with connect(url, max_size=None, open_timeout=5) as socket:
            self.connections += 1
            async for text in socket:
                self._take(json.loads(text))

    def _take(self, frame: dict[str, Any]) -> None:
        if frame.get("recovered") is False:
            self.unrecovered.append(frame)
        if frame.get("type") != "event":
            return
        self._last_id = frame["id"]
        if frame["event"] == "session.created":
            number = int(frame["id"].rpartition("_")[2])
            self.events[number] = frame["data"]["id"]
            self.order.append(number)

    async def until_heard(self, wanted: set[str], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not wanted <= set(self.events.values()):
                await asyncio.sleep(PAUSE_SECONDS)
