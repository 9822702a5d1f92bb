"""The stdio bridge: the official client through it, and what it says when things go wrong."""

import asyncio
import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.subscriptions import ResourceUpdated

from tests.client.hooks import nowhere
from tests.conftest import Server
from tests.mcp import bridge
from tests.mcp.calls import call, refusal
from tests.mcp.conftest import ERAS
from tests.trpc.servers import another_server

JOIN = {"name": "api-side", "role": "source", "repoPath": "/srv/api"}


async def converse(url: str, *lines: Any, key: str = "") -> list[Any]:
    """What the bridge answers to these lines by the time it ends."""
    process = await asyncio.create_subprocess_exec(
        *bridge.command(url, "", key),
        env=bridge.environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    sent = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    async with asyncio.timeout(20):
        out, err = await process.communicate(b"\n".join(sent) + b"\n")
    assert (process.returncode, err) == (0, b"")
    return [json.loads(line) for line in out.splitlines()]


def ask(number: Any, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


async def test_the_official_client_works_through_it(server: Server, session: str, era: str) -> None:
    url = f"{server.url}?session_id={session}&agent_id=backend"

    async with Client(bridge.parameters(url), mode=ERAS[era]) as client:
        tools = (await client.list_tools()).tools
        await call(client, "share", key="build", value="wäsm")
        recalled = await call(client, "recall", key="build")
        refused = await refusal(client, "recall", key="none")
        resource = await client.read_resource(f"dcm://sessions/{session}/context")

    assert len(tools) >= 9
    assert recalled["value"] == "wäsm"
    assert refused == "Context entry not found"
    assert "build" in resource.model_dump_json()


async def test_updates_come_through_it(server: Server, session: str) -> None:
    context = f"dcm://sessions/{session}/context"
    parameters = bridge.parameters(f"{server.url}/mcp?session_id={session}&agent_id=backend")

    async with Client(parameters) as client:
        async with client.listen(resource_subscriptions=[context]) as updates:
            await call(client, "share", key="build", value="wasm")
            async with asyncio.timeout(5):
                event = await anext(updates)
        again = await call(client, "recall", key="build")

    assert isinstance(event, ResourceUpdated)
    assert (event.uri, again["value"]) == (context, "wasm")


async def test_who_joined_is_remembered_as_the_original_bridge_does(
    server: Server, session: str, era: str
) -> None:
    parameters = bridge.parameters(f"{server.url}?session={session}", "coordinator")

    async with Client(parameters, mode=ERAS[era]) as client:
        before = json.loads(await refusal(client, "coordinator_ask", question="Port?"))
        agent = (await call(client, "coordinator_join", **JOIN))["agent"]
        asked = await call(client, "coordinator_ask", question="Port?")
        left = await call(client, "coordinator_leave")
        after = json.loads(await refusal(client, "coordinator_ask", question="Port?"))

    assert (before["success"], after["success"]) == (False, False)
    assert asked["question"]["from"] == agent["id"]
    assert left == {"success": True}


async def test_without_a_server_each_request_gets_an_error_that_says_so() -> None:
    url = nowhere()
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}

    replies = await converse(url, ask(1, "initialize"), notification, ask("a", "tools/list"))

    assert sorted(str(reply["id"]) for reply in replies) == ["1", "a"]
    for reply in replies:
        assert reply["error"]["code"] == -32000
        assert f"No DCM server answers at {url}" in reply["error"]["message"]


async def test_lines_that_are_no_messages_are_answered_and_passed_over(server: Server) -> None:
    replies = await converse(
        server.url, b"{", b"[]", b"7", b"", b"\xff", b'{"id":1}', b"[" * 20_000, ask(9, "ping")
    )

    codes = {reply["error"]["code"] for reply in replies if "error" in reply}
    assert codes == {-32700, -32600}
    assert [reply["result"] for reply in replies if reply["id"] == 9] == [{}]


async def test_a_hundred_calls_at_once_are_each_answered(server: Server, session: str) -> None:
    url = f"{server.url}?session_id={session}&agent_id=backend"
    calls = [
        ask(n, "tools/call", name="share", arguments={"key": str(n), "value": "x"})
        for n in range(100)
    ]

    replies = await converse(url, *calls)

    assert sorted(reply["id"] for reply in replies) == list(range(100))
    assert not any(reply["result"]["isError"] for reply in replies)


async def test_a_key_opens_a_server_that_wants_one(tmp_path: Path, server: Server) -> None:
    with another_server(tmp_path, DCM_API_KEY="k" * 40) as serving:
        url = f"http://127.0.0.1:{serving.port('PORT')}"
        (refused,) = await converse(url, ask(1, "tools/list"))
        (passed,) = await converse(url, ask(1, "tools/list"), key="k" * 40)

    assert refused["error"]["message"].startswith("DCM answered 401: Unauthorized")
    assert passed["result"]["tools"]


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n\r\n<html>", b"nonsense\r\n\r\n"])
async def test_a_server_that_is_not_ours_is_an_error_too(said: bytes) -> None:
    with speaking(said) as url:
        (reply,) = await converse(url, ask(1, "tools/list"))

    assert reply["error"]["code"] == -32000


def test_an_address_that_is_none_is_refused_at_the_start() -> None:
    for url in ("nonsense", "ftp://127.0.0.1", "http://127.0.0.1:99999999"):
        done = subprocess.run(
            bridge.command(url),
            env=bridge.environment(),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

        assert (done.returncode, done.stdout) == (2, "")
        assert "is no address" in done.stderr


@contextlib.contextmanager
def speaking(said: bytes) -> Iterator[str]:
    """The address of a server that says this to who comes first, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(5)
