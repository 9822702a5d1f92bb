import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from mcp import Client

from tests.conftest import Server

ERAS = {"2026": "auto", "2025": "legacy"}
"""Generation of the protocol -> the mode in which the official client speaks it."""

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def session() -> str:
    return f"shop-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def connect(server: Server, session: str, era: str) -> Connect:
    """`async with connect("backend")`: the official client, as this agent in the test's session."""

    @contextlib.asynccontextmanager
    async def open_client(
        agent_id: str | None = "backend", query: str = ""
    ) -> AsyncIterator[Client]:
        me = f"&agent_id={agent_id}" if agent_id else ""
        url = f"{server.url}/mcp?session_id={session}{me}{query}"
        async with Client(url, mode=ERAS[era], read_timeout_seconds=10) as client:
            yield client

    return open_client
