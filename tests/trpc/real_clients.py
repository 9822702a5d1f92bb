"""Published tRPC clients, each in a Node process of its own that a test talks to."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

from tests import npm

HERE = Path(__file__).parent
GENERATIONS = ("locked", "newest")
"""What the original locks, and what a fresh install gets: they reconnect differently."""
PATIENCE_SECONDS = 20  # a client that was refused waits up to eight seconds before it tries again


def installed(generation: str) -> Path:
    return npm.installed(HERE / "clients" / generation / "package.json")


class RealClient:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._reports: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, generation: str, url: str, parameters: dict[str, str] | None = None
    ) -> AsyncIterator[Self]:
        process = await asyncio.create_subprocess_exec(
            "node",
            str(HERE / "driver.mjs"),
            str(installed(generation)),
            url,
            *([json.dumps(parameters)] if parameters else []),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        client = cls(process)
        try:
            yield client
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
            await client._reading

    async def query(self, path: str, given: Any = ...) -> Any:
        return (await self._call("query", path, given))["data"]

    async def mutate(self, path: str, given: Any = ...) -> Any:
        return (await self._call("mutation", path, given))["data"]

    async def failure(self, method: str, path: str, given: Any = ...) -> Any:
        """The error that the call ends in, as the caller sees it."""
        return (await self._call(method, path, given))["error"]

    async def subscribe(self, path: str, given: Any = ...) -> int:
        """The subscription's number, once it has started."""
        number = self._ask("subscription", path, given)
        assert await self._report(number) == {"n": number, "event": "started"}
        return number

    async def next_data(self, subscription: int) -> Any:
        """What the subscription's onData is called with next; new starts are passed over."""
        while (report := await self._report(subscription))["event"] == "started":
            pass
        assert report["event"] == "data", report
        return report["data"]

    def pending(self, subscription: int) -> int:
        """How many reports of it nobody has asked for."""
        return self._reports[subscription].qsize()

    async def stop(self, subscription: int) -> None:
        """Unsubscribe; the client calls onComplete then."""
        self._write({"n": next(self._numbers), "call": "stop", "subscription": subscription})
        assert (await self._report(subscription))["event"] == "complete"

    async def _call(self, call: str, path: str, given: Any) -> dict[str, Any]:
        return await self._report(self._ask(call, path, given))

    def _ask(self, call: str, path: str, given: Any) -> int:
        number = next(self._numbers)
        self._reports[number] = asyncio.Queue()
        asked = {"n": number, "call": call, "path": path}
        self._write(asked if given is ... else asked | {"input": given})
        return number

    def _write(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def _report(self, number: int) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reports[number].get()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            report = json.loads(line)
            self._reports[report["n"]].put_nowait(report)
