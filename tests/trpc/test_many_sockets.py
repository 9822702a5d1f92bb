"""What one server process holds at once."""

import asyncio

from tests.sockets import allow_open_files
from tests.trpc.client import share
from tests.trpc.conftest import OpenClient

SUBSCRIBERS = 1_000


async def test_a_thousand_sockets_all_hear_of_one_share_once(trpc: OpenClient) -> None:
    allow_open_files(3 * SUBSCRIBERS)
    writer, *readers = await asyncio.gather(*(trpc() for _ in range(SUBSCRIBERS + 1)))
    for reader in readers:
        await reader.subscribe(1, "context.onContextChange")

    entry = await writer.mutate("context.share", share("flow", "PKCE"))

    heard = [await reader.frame() for reader in readers]
    assert all(frame["result"]["data"] == entry for frame in heard)
    assert await asyncio.gather(*(reader.barrier() for reader in readers)) == [[]] * SUBSCRIBERS
