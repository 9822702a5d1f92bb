"""The original's WebSocket client, from Node: it never sends an id. Contract: hooks 6."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import npm

HERE = Path(__file__).parent
CHANNELS = ["agents/backend-1", "topics/task.created"]
MESSAGE = {"from_agent": "lead", "topic": "task.created", "content": "x", "to_agent": "backend-1"}


class SocketClient:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.reports: list[dict[str, Any]] = []

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """The next report that holds this; what it holds itself may hold more."""
        assert self._process.stdout is not None
        async with asyncio.timeout(10):
            while True:
                report: dict[str, Any] = json.loads(await self._process.stdout.readline())
                self.reports.append(report)
                if all(_holds(report.get(name), value) for name, value in wanted.items()):
                    return report

    async def ready(self) -> None:
        """Authenticated, and it has sent all its subscriptions."""
        await self.until(state="authenticated")
        for channel in CHANNELS:
            await self.until(sent={"type": "subscribe", "channel": channel})

    def do(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())

    def sent(self, kind: str) -> list[dict[str, Any]]:
        return [one["sent"] for one in self.reports if one.get("sent", {}).get("type") == kind]

    def events(self) -> list[dict[str, Any]]:
        return [one["event"] for one in self.reports if "event" in one]


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return wanted.items() <= found.items()
    return bool(found == wanted)


@pytest.fixture
async def client(ws_url: str) -> AsyncIterator[SocketClient]:
    folder = npm.installed(HERE / "package.json")
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / "socket_sdk.mjs"),
        str(folder),
        ws_url,
        "backend-1",
        "run-1",
        *CHANNELS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    yield SocketClient(process)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def test_it_authenticates_and_subscribes_once(client: SocketClient) -> None:
    await client.ready()

    client.do("publish")
    await client.until(event={"event": "task.created", "data": {"id": "mine"}})

    # An ack of a subscription would make it subscribe again, and so on for ever.
    assert len(client.sent("subscribe")) == len(CHANNELS)
    assert len(client.sent("auth")) == 1
    assert not [one for one in client.reports if "error" in one]


async def test_it_hears_its_channels_and_no_phantoms(client: SocketClient, url: str) -> None:
    await client.ready()

    async with httpx.AsyncClient(base_url=url) as api:
        await api.post("/api/messages", json=MESSAGE)
    for channel in ("global", *CHANNELS):
        assert any(
            (one["event"], one["channel"]) == ("message.new", channel) for one in client.events()
        ) or await client.until(event={"event": "message.new", "channel": channel})

    assert not [one for one in client.events() if one["event"] == "unknown"]
    assert len({one["id"] for one in client.events() if one["event"] == "message.new"}) == 1


async def test_after_a_lost_connection_it_hears_again(client: SocketClient, url: str) -> None:
    await client.ready()

    client.do("drop")
    await client.until(state="disconnected")
    await client.ready()
    async with httpx.AsyncClient(base_url=url) as api:
        await api.post("/api/messages", json=MESSAGE)
    heard = await client.until(event={"event": "message.new", "channel": "agents/backend-1"})

    assert heard["event"]["data"]["to"] == "backend-1"
    assert len(client.sent("subscribe")) == 2 * len(CHANNELS)
