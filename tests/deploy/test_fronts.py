"""A real server behind the proxies of deploy/: HTTP, every socket, and streams of MCP."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from websockets.asyncio.client import connect

from tests.conftest import Server
from tests.deploy.fronts import Front, Start, balancer, caddy, nginx
from tests.serve.serving import Serving
from tests.sockets import Listener
from tests.trpc.client import RawClient
from tests.trpc.servers import another_server

KEY = "k" * 32
PRODUCTION = {
    "DCM_ENV": "production",
    "WS_AUTH_SECRET": "w" * 32,
    "DCM_API_KEY": KEY,
    "RATE_LIMIT": "50",
}
BRING = {"X-API-Key": KEY}
PATIENCE_SECONDS = 5


@pytest.fixture(scope="module")
def serving(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with another_server(tmp_path_factory.mktemp("server"), **PRODUCTION) as started:
        yield started


def ports_of(serving: Serving) -> dict[int, int]:
    """Port as deploy/ names it -> that of this server."""
    variables = {3847: "PORT", 3848: "DASHBOARD_PORT", 3849: "WS_PORT", 3030: "COORDINATOR_PORT"}
    variables |= {10_000 + port: variables[port] for port in (3849, 3030)}  # beside a proxy
    return {port: serving.port(variable) for port, variable in variables.items()}


@pytest.fixture(scope="module", params=[nginx, caddy])
def front(
    request: pytest.FixtureRequest, serving: Serving, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    start: Start = request.param
    with start(tmp_path_factory.mktemp("front"), ports_of(serving)) as started:
        yield started


@pytest.fixture
def trusting(front: Front) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(front.certificate))


@pytest.fixture
def http(front: Front, trusting: ssl.SSLContext) -> Iterator[httpx.Client]:
    url = f"https://localhost:{front.ports[443]}"
    with httpx.Client(base_url=url, verify=trusting, headers=BRING, timeout=10) as client:
        yield client


def token(http: httpx.Client) -> str:
    reply = http.post("/api/auth/token", json={"agent_id": "backend", "session_id": "front"})
    return str(reply.json()["token"])


def test_http_passes_and_the_server_knows_that_it_is_https(http: httpx.Client) -> None:
    health = http.get("/health")
    page = http.get("/api/docs")
    without = http.get("/api/projects", headers={"X-API-Key": ""})

    assert health.json()["status"] == "healthy"
    assert "max-age" in page.headers["strict-transport-security"]
    assert without.status_code == 401


def test_large_hook_events_pass(http: httpx.Client) -> None:
    event = {
        "hook_event_name": "PostToolUse",
        "session_id": "front",
        "cwd": "/srv/front",
        "tool_name": "Write",
        "tool_input": {"content": "x" * 8_000_000},
    }

    assert http.post("/api/hooks/claude-code", json=event).status_code == 200


def test_clients_cannot_choose_their_address(http: httpx.Client) -> None:
    """One that guesses keys is slowed down, whatever it says about itself."""
    codes = set()
    for number in range(600):
        guess = {"X-API-Key": "x", "X-Forwarded-For": f"10.0.{number // 250}.{number % 250}"}
        codes.add(http.get("/api/projects", headers=guess).status_code)
        if 429 in codes:
            break

    assert codes == {401, 429}


@pytest.mark.parametrize("port", [443, 3849])
async def test_native_sockets_pass(
    front: Front, trusting: ssl.SSLContext, http: httpx.Client, port: int
) -> None:
    path = "/ws" if port == 443 else "/"
    url = f"wss://localhost:{front.ports[port]}{path}?token={token(http)}"
    async with connect(url, ssl=trusting, proxy=None) as socket:
        listener = Listener(socket)
        await listener.next_event("agent.connected")
        blocking = {"blocked_by": "lead", "blocked_agent": "backend"}

        assert http.post("/api/blocking", json=blocking).status_code == 201
        event = await listener.next_event("agent.blocked", channel="agents/backend")

    assert event["data"]["by"] == "lead"


@pytest.mark.parametrize("port", [443, 3030])
async def test_coordinator_sockets_pass(front: Front, trusting: ssl.SSLContext, port: int) -> None:
    path = "/trpc" if port == 443 else "/"
    url = f"wss://localhost:{front.ports[port]}{path}?session=front&token={KEY}"
    async with RawClient.open(url, ssl=trusting) as client:
        assert isinstance(await client.query("session.list"), list)


async def test_streams_of_mcp_arrive_as_they_are_written(
    front: Front, trusting: ssl.SSLContext, http: httpx.Client
) -> None:
    url = f"https://localhost:{front.ports[443]}/mcp?agent_id=backend"
    inbox = "dcm://agents/backend/inbox"
    async with (
        httpx2.AsyncClient(headers=BRING, verify=trusting, timeout=10) as sending,
        Client(streamable_http_client(url, http_client=sending)) as client,
        client.listen(resource_subscriptions=[inbox]) as updates,
    ):
        message = {
            "from_agent": "a",
            "to_agent": "backend",
            "topic": "task.created",
            "content": "x",
        }
        sent = await asyncio.to_thread(http.post, "/api/messages", json=message)
        assert sent.status_code == 201, sent.text
        async with asyncio.timeout(PATIENCE_SECONDS):
            update: Any = await anext(aiter(updates))

    assert update.uri == inbox


async def test_the_balancer_of_compose_goes_on_without_a_replica(
    server: Server, tmp_path: Path
) -> None:
    """Two servers on the same ports of two addresses, as replicas have them."""
    hosts = ["127.0.0.2", "127.0.0.3"]
    trusted = {"FORWARDED_ALLOW_IPS": "*", "ALLOWED_HOSTS": "127.0.0.1"}
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(_replica(tmp_path / "a", hosts[0], trusted))
        same = {name: str(first.port(name)) for name in PORTS}
        second = stack.enter_context(_replica(tmp_path / "b", hosts[1], trusted | same))
        (tmp_path / "front").mkdir()
        front = stack.enter_context(balancer(tmp_path / "front", hosts, ports_of(first)))
        http = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{front.ports[3847]}", headers=BRING)
        )
        native = f"ws://127.0.0.1:{front.ports[3849]}/?token={token(http)}"
        async with Listener.open(native) as listener:
            await listener.next_event("agent.connected")
        assert {http.get("/livez").status_code for _ in range(20)} == {200}

        second.process.kill()

        assert {http.get("/livez").status_code for _ in range(20)} == {200}
        async with Listener.open(native) as listener:
            await listener.next_event("agent.connected")


PORTS = ("PORT", "DASHBOARD_PORT", "WS_PORT", "COORDINATOR_PORT")


def _replica(home: Path, host: str, variables: dict[str, str]) -> Serving:
    home.mkdir()
    return another_server(home, **PRODUCTION, HOST=host, **variables)
