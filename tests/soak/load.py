"""A mixed load at a set rate, through the public API of a running server."""

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.benchmarks import load

AGENTS = 20
LISTENERS = 20
CALLS_AT_ONCE = 50
VISIT_SECONDS = 0.5
Call = tuple[str, str, dict[str, Any] | None]


class Heard:
    """What a listener noticed, until take() begins anew. lags: seconds from the log to here."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.gaps = 0
        self._last = 0

    def note(self, frame: dict[str, Any]) -> None:
        self.lags.append(time.time() - frame["timestamp"] / 1000)
        number = int(frame["id"].rpartition("_")[2])
        self.gaps += bool(self._last) and number != self._last + 1
        self._last = number

    def take(self) -> list[float]:
        lags, self.lags = self.lags, []
        return lags


class MixedLoad:
    """Calls, listeners and sockets that come and go. statuses: of the answers; 0: none came."""

    def __init__(self, url: str, ws_url: str, *, rate: float) -> None:
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.heard = Heard()
        self.visits = 0
        self.closed = 0  # listeners that the server closed
        self.late = 0  # calls that waited until one of CALLS_AT_ONCE was answered
        self._url, self._ws_url, self._rate = url, ws_url, rate
        self._chance = random.Random(1)
        self._over = asyncio.Event()
        self._listening: list[ClientConnection] = []
        self._few = asyncio.Semaphore(CALLS_AT_ONCE)

    async def run(self, seconds: float) -> None:
        """Ends with all calls answered and all sockets closed."""
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as http:
            others = [asyncio.create_task(self._listen(n)) for n in range(LISTENERS)]
            others.append(asyncio.create_task(self._visit()))
            try:
                await self._call_for(http, seconds)
            finally:
                self._over.set()
                await asyncio.gather(*(socket.close() for socket in self._listening))
                await asyncio.gather(*others)

    async def _call_for(self, http: httpx.AsyncClient, seconds: float) -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as calls:
            for number in itertools.count():
                due = began + number / self._rate
                if max(due, time.monotonic()) > began + seconds:
                    return
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self._few.locked():
                    self.late += 1
                await self._few.acquire()
                calls.create_task(self._call(http, *self._next_call(number)))

    async def _call(
        self, http: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
    ) -> None:
        began, status = time.monotonic(), 0
        with contextlib.suppress(httpx.TransportError):
            status = (await http.request(method, path, json=body)).status_code
        self._few.release()
        self.latencies.append(time.monotonic() - began)
        self.statuses[status] += 1

    def _next_call(self, number: int) -> Call:
        """Of twenty calls ten record actions, four concern messages, the others read and begin."""
        agent, other = (f"agent-{self._chance.randrange(AGENTS)}" for _ in range(2))
        note = {"from_agent": agent, "to_agent": other, "topic": "workflow.progress"}
        calls: list[Call] = [
            ("POST", "/api/messages", {**note, "content": {"n": number}, "ttl_seconds": 60}),
            ("GET", f"/api/messages/{agent}?unread_only=true", None),
            ("POST", "/api/messages", {**note, "to_agent": None, "content": {}, "ttl_seconds": 60}),
            ("GET", f"/api/messages/{other}?unread_only=true", None),
            ("GET", "/api/routing/suggest?keywords=test,commit,search", None),
            ("GET", f"/api/context/{agent}?session_id=soak-{agent}", None),
            ("POST", "/api/sessions", {"id": f"soak-{number}", "project_path": "/srv/soak"}),
            ("GET", "/api/actions?limit=20", None),
            ("POST", "/api/projects", {"path": f"/srv/soak-{number % 50}"}),
            ("GET", "/api/agents", None),
        ]
        if number % 2:
            return calls[number // 2 % len(calls)]
        return ("POST", "/api/actions", load.action(self._chance) | {"session_id": f"soak-{agent}"})

    async def _listen(self, number: int) -> None:
        """On `global`; the first one keeps what it notices. Only the end of the load ends it."""
        async with connect(f"{self._ws_url}/?ack=none", max_size=None) as socket:
            self._listening.append(socket)
            with contextlib.suppress(ConnectionClosed):
                async for text in socket:
                    if '"type":"ping"' in text:
                        await socket.send('{"type":"pong"}')
                    elif number == 0:
                        self._note(json.loads(text))
        self.closed += not self._over.is_set()

    def _note(self, frame: dict[str, Any]) -> None:
        if frame.get("type") == "event" and frame["id"].startswith("msg_"):
            self.heard.note(frame)

    async def _visit(self) -> None:
        """Agents that connect, say who they are, and leave."""
        while not self._over.is_set():
            async with connect(self._ws_url, max_size=None) as socket:
                agent_id = f"agent-{self.visits % AGENTS}"
                await socket.send(json.dumps({"type": "auth", "agent_id": agent_id}))
                await socket.recv()
            self.visits += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), VISIT_SECONDS)
