"""How long one shared entry takes to reach a thousand coordinator sockets of one server process.

`python -m tests.benchmarks.coordinator` prints the figures. Server and sockets share the machine,
and the time ends when this process has read the last frame, so it counts both sides.
"""

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.serve.serving import Serving
from tests.sockets import allow_open_files
from tests.trpc.client import RawClient, new_session, share

SUBSCRIBERS = 1_000
ROUNDS = 5


def measure() -> dict[str, Any]:
    """subscribers, rounds, and median_ms and slowest_ms of a share until all of them have it."""
    allow_open_files(3 * SUBSCRIBERS)
    with tempfile.TemporaryDirectory(prefix="dcm-bench-") as outer:
        Path(outer).chmod(0o711)  # as root PostgreSQL runs as another user
        with Serving(Path(outer) / "home") as serving:
            url = f"ws://127.0.0.1:{serving.port('COORDINATOR_PORT')}/?session={new_session()}"
            rounds_ms = asyncio.run(_measure_rounds(url))
    return {
        "subscribers": SUBSCRIBERS,
        "rounds": ROUNDS,
        "median_ms": round(statistics.median(rounds_ms), 1),
        "slowest_ms": round(max(rounds_ms), 1),
    }


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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
