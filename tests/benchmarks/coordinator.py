"""How long one shared entry takes to reach a thousand coordinator sockets of one server process.

Server and sockets share the machine,
and the time ends when this process has read the last frame, so it counts both sides.
"""

import argparse
import asyncio
import contextlib
import statistics
import time

from tests.benchmarks.machine import machine
from tests.serve.serving import Serving, temporary_home
from tests.sockets import allow_open_files
from tests.trpc.client import RawClient, new_session, share

SUBSCRIBERS = 1_000
ROUNDS = 5


def report(asked: argparse.Namespace) -> str:
    allow_open_files(3 * SUBSCRIBERS)
    with temporary_home() as home, Serving(home) as serving:
        url = f"ws://127.0.0.1:{serving.port('COORDINATOR_PORT')}/?session={new_session()}"
        rounds_ms = asyncio.run(_measure_rounds(url))
    return "\n".join(
        [
            "# One shared entry to a thousand coordinator sockets",
            "",
            f"{machine()}. One server process, {SUBSCRIBERS:,} subscribers, {ROUNDS} rounds.",
            "From the call until the last subscriber has read it, so the time counts both sides.",
            "",
            "| Median ms | Slowest ms |",
            "|---|---|",
            f"| {statistics.median(rounds_ms):.0f} | {max(rounds_ms):.0f} |",
            "",
        ]
    )


async def _measure_rounds(url: str) -> list[float]:
    async with contextlib.AsyncExitStack() as stack:
        sockets = [RawClient.open(url) for _ in range(SUBSCRIBERS + 1)]
        writer, *readers = [await stack.enter_async_context(socket) for socket in sockets]
        for reader in readers:
            await reader.subscribe(1, "context.onContextChange")
        await _share_with_all(writer, readers, "to warm up")
        return [await _share_with_all(writer, readers, f"round {n}") for n in range(ROUNDS)]


async def _share_with_all(writer: RawClient, readers: list[RawClient], value: str) -> float:
    """Milliseconds until every reader has it."""
    began_at = time.perf_counter()
    sharing = asyncio.create_task(writer.mutate("context.share", share("flow", value)))
    heard = await asyncio.gather(*(reader.frame() for reader in readers))
    ended_at = time.perf_counter()
    assert all(frame["result"]["data"]["value"] == value for frame in heard)
    await sharing
    return (ended_at - began_at) * 1000
