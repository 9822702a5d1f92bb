import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import Server
from tests.trpc.client import RawClient, new_session

OpenClient = Callable[..., Awaitable[RawClient]]


@pytest.fixture
def session() -> str:
    return new_session()


@pytest.fixture
async def trpc(server: Server, session: str) -> AsyncIterator[OpenClient]:
    """`await trpc()`: another socket in the test's session; `query` replaces its parameters."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_client(query: str = f"?session={session}", **options: Any) -> RawClient:
            url = f"{server.trpc_url}/{query}"
            return await stack.enter_async_context(RawClient.open(url, **options))

        yield open_client
