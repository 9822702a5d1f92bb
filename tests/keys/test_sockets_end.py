"""What a key or a token has opened ends with it, at every server."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from pytest_django.fixtures import Settings

from realtime.tokens import CLOCK_SKEW_MS, LIFETIME_SECONDS, Identity, make_token
from tests.conftest import Server
from tests.keys.test_two_servers import PRODUCTION
from tests.serve.serving import Serving, manage, several_servers
from tests.sockets import Listener

NO_LONGER_VALID = 4001
PATIENCE_SECONDS = 15


@pytest.fixture(scope="module")
def two_servers() -> Iterator[list[Serving]]:
    with several_servers(2, **PRODUCTION, DCM_API_KEY="k" * 32) as servers:
        yield servers


@contextlib.asynccontextmanager
async def mcp_client(serving: Serving, key: str) -> AsyncIterator[Client]:
    url = f"http://127.0.0.1:{serving.port('PORT')}/mcp?agent_id=backend"
    async with (
        httpx2.AsyncClient(headers={"X-API-Key": key}, timeout=10) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def test_a_revoked_key_ends_what_it_opened_at_another_server(
    two_servers: list[Serving],
) -> None:
    one, two = two_servers
    made = json.loads(manage(one.home, "apikey", "create", "fleet", "--json").stdout)
    given = {"agent_id": "backend"}
    minted = two.http.post("/api/auth/token", json=given, headers={"X-API-Key": made["key"]})
    token = minted.json()["token"]
    native = f"ws://127.0.0.1:{two.port('WS_PORT')}/?token={token}"
    coordinator = f"ws://127.0.0.1:{two.port('COORDINATOR_PORT')}/?token="

    async with (
        Listener.open(native) as first,
        Listener.open(coordinator + token) as second,
        Listener.open(coordinator + made["key"]) as third,
        mcp_client(two, made["key"]) as client,
        client.listen(resource_subscriptions=["dcm://agents/backend/inbox"]) as updates,
    ):
        await first.next_event("agent.connected")
        revoked = await asyncio.to_thread(manage, one.home, "apikey", "revoke", made["id"])
        began = time.monotonic()

        assert revoked.returncode == 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            for listener in (first, second, third):
                await listener.socket.wait_closed()
                assert listener.socket.close_code == NO_LONGER_VALID
            assert [update async for update in updates] == []
        assert time.monotonic() - began < 3


def ending_token(agent_id: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> str:
    """A token that counts for so long from now: it was made an hour ago."""
    ago = LIFETIME_SECONDS + CLOCK_SKEW_MS / 1000 - seconds
    now_ns = time.time_ns()
    with monkeypatch.context() as past:
        past.setattr("time.time_ns", lambda: now_ns - int(ago * 1e9))
        return make_token(Identity(agent_id))


@pytest.mark.parametrize("port", ["WS_PORT", "COORDINATOR_PORT"])
async def test_a_socket_ends_with_its_token(
    two_servers: list[Serving], monkeypatch: pytest.MonkeyPatch, settings: Settings, port: str
) -> None:
    settings.WS_AUTH_SECRETS = [PRODUCTION["WS_AUTH_SECRET"]]
    token = ending_token("backend", 2, monkeypatch)
    url = f"ws://127.0.0.1:{two_servers[1].port(port)}/?token={token}"

    async with Listener.open(url) as listener:
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await listener.socket.wait_closed()

        assert listener.socket.close_code == NO_LONGER_VALID
        assert time.monotonic() - began > 0.5


async def test_a_new_token_keeps_the_socket_open(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Listener.open(server.ws_url) as listener:
        token = ending_token("backend", 1, monkeypatch)
        assert (await listener.ask(type="auth", token=token))["success"]
        token = ending_token("backend", 3, monkeypatch)
        assert (await listener.ask(type="auth", token=token))["success"]
        began = time.monotonic()

        async with asyncio.timeout(PATIENCE_SECONDS):
            await listener.socket.wait_closed()

        assert time.monotonic() - began > 2


async def test_by_the_time_a_token_ends_no_other_server_takes_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = ending_token("backend", -0.1, monkeypatch)

    async with Listener.open(server.ws_url) as listener:
        assert (await listener.ask(type="auth", token=token))["code"] == "4001"
