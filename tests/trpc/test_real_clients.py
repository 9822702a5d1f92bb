"""The published tRPC client, in both generations that are in the field, against real servers."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Server
from tests.serve.serving import Serving, free_ports
from tests.trpc.client import AGENT, RawClient, share
from tests.trpc.real_clients import GENERATIONS, RealClient
from tests.trpc.servers import another_server, url_of
from tests.trpc.wire import Wire

JOIN = {"name": "api-side", "role": "source", "repoPath": "/srv/api"}

OpenReal = Callable[..., Awaitable[RealClient]]


@pytest.fixture(params=GENERATIONS)
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def real(generation: str, server: Server, session: str) -> AsyncIterator[OpenReal]:
    """`await real()`: a client in the test's session, of the suite's server or of `url`."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_client(url: str = server.trpc_url, **options: Any) -> RealClient:
            address = f"{url}/?session={session}"
            return await stack.enter_async_context(RealClient.open(generation, address, **options))

        yield open_client


async def test_every_procedure_answers_what_the_client_expects(
    real: OpenReal, session: str
) -> None:
    first, second = await real(), await real()

    joined = await first.mutate("session.join", JOIN)
    agent_id = joined["agent"]["id"]
    entry = await first.mutate("context.share", {**share("flow", "PKCE"), "agentId": agent_id})
    asked = await first.mutate("questions.ask", {"question": "Port?", "agentId": agent_id})
    pending = await second.query("questions.listPending")
    reply = {"questionId": asked["id"], "answer": "8443", "agentId": AGENT}
    answered = await second.mutate("questions.answer", reply)
    decision = await second.mutate("decisions.log", {"decision": "Drop v1", "agentId": AGENT})

    assert joined["sessionId"] == session
    assert await second.query("session.list") == [joined["agent"]]
    assert await second.query("context.get", {"key": "flow"}) == entry
    assert await second.query("context.get", {"key": "none"}) is None
    assert await second.query("context.list", {"tags": []}) == [entry]
    assert pending == [asked]
    assert (answered["status"], answered["answer"]) == ("answered", "8443")
    assert await first.query("decisions.list") == [decision]
    assert await first.mutate("session.leave", {"agentId": agent_id}) == {"success": True}


async def test_every_subscription_tells_bare_objects(real: OpenReal) -> None:
    reader, writer = await real(), await real()
    agents = await reader.subscribe("session.onAgentChange")
    entries = await reader.subscribe("context.onContextChange")
    questions = await reader.subscribe("questions.onQuestion")
    decisions = await reader.subscribe("decisions.onDecision")

    agent = (await writer.mutate("session.join", JOIN))["agent"]
    entry = await writer.mutate("context.share", share("flow", "PKCE"))
    question = await writer.mutate("questions.ask", {"question": "?", "agentId": AGENT})
    decision = await writer.mutate("decisions.log", {"decision": "!", "agentId": AGENT})

    assert await reader.next_data(agents) == []
    assert await reader.next_data(agents) == [agent]
    assert await reader.next_data(entries) == entry
    assert await reader.next_data(questions) == question
    assert await reader.next_data(decisions) == decision


async def test_a_stopped_subscription_hears_nothing_more(real: OpenReal) -> None:
    reader, writer = await real(), await real()
    subscription = await reader.subscribe("context.onContextChange")

    await reader.stop(subscription)
    await reader.query("session.list")
    await writer.mutate("context.share", share("flow", "PKCE"))
    await reader.query("session.list")

    assert reader.pending(subscription) == 0


async def test_errors_reach_the_caller_with_message_and_code(real: OpenReal) -> None:
    client = await real()
    unknown = {"questionId": AGENT, "answer": "a", "agentId": AGENT}

    invalid = await client.failure("mutation", "context.share", {"key": ""})
    missing = await client.failure("mutation", "questions.answer", unknown)
    nowhere = await client.failure("query", "no.such")

    assert [issue["path"] for issue in json.loads(invalid["message"])] == [
        ["key"],
        ["value"],
        ["agentId"],
    ]
    assert missing["message"] == f"Question not found: {AGENT}"
    assert missing["data"]["code"] == "INTERNAL_SERVER_ERROR"
    assert nowhere["data"] == {"code": "NOT_FOUND", "httpStatus": 404, "path": "no.such"}


async def test_connection_parameters_are_understood(
    server: Server, generation: str, session: str
) -> None:
    opening = RealClient.open(generation, server.trpc_url, {"session": session})
    async with opening as client:
        joined = await client.mutate("session.join", JOIN)

    assert joined["sessionId"] == session


async def test_a_megabyte_passes_both_ways(real: OpenReal) -> None:
    client = await real()
    value = "é" * 2**20

    await client.mutate("context.share", share("large", value))

    assert (await client.query("context.get", {"key": "large"}))["value"] == value


async def test_a_lost_line_loses_and_doubles_nothing(real: OpenReal, server: Server) -> None:
    async with Wire.open(server.trpc_url) as wire:
        reader, writer = await real(wire.url), await real()
        entries = await reader.subscribe("context.onContextChange")
        heard = await writer.mutate("context.share", share("flow", "heard"))
        assert await reader.next_data(entries) == heard

        wire.cut()
        missed = [await writer.mutate("context.share", share("flow", str(n))) for n in range(20)]
        wire.mend()
        after = await writer.mutate("context.share", share("flow", "after"))

        assert [await reader.next_data(entries) for _ in range(21)] == [*missed, after]
        await reader.query("session.list")
        assert reader.pending(entries) == 0


async def test_a_line_may_break_at_any_moment(real: OpenReal, server: Server) -> None:
    async with Wire.open(server.trpc_url) as wire:
        reader, writer = await real(wire.url), await real()
        entries = await reader.subscribe("context.onContextChange")
        values = [str(number) for number in range(200)]

        async def write() -> None:
            for value in values:
                await writer.mutate("context.share", share("flow", value))

        writing = asyncio.create_task(write())
        heard = []
        for number in range(len(values)):
            if number % 50 == 25:
                wire.cut()
                wire.mend()
            heard.append((await reader.next_data(entries))["value"])
        await writing

        assert heard == values
        await reader.query("session.list")
        assert reader.pending(entries) == 0


async def test_two_server_processes_are_one_coordinator(real: OpenReal, tmp_path: Path) -> None:
    with another_server(tmp_path) as other:
        here, there = await real(), await real(url_of(other))
        entries = [await each.subscribe("context.onContextChange") for each in (here, there)]

        first = await here.mutate("context.share", share("flow", "PKCE"))
        second = await there.mutate("context.share", share("port", "8443"))

        assert [await here.next_data(entries[0]) for _ in range(2)] == [first, second]
        assert [await there.next_data(entries[1]) for _ in range(2)] == [first, second]
        assert await here.query("context.list") == await there.query("context.list")


async def test_a_restart_loses_nothing(real: OpenReal, tmp_path: Path) -> None:
    ports = free_ports()
    writer = await real()
    with another_server(tmp_path, **ports) as serving:
        reader = await real(url_of(serving))
        entries = await reader.subscribe("context.onContextChange")
        agents = await reader.subscribe("session.onAgentChange")
        joined = await reader.mutate("session.join", JOIN)
        before = await writer.mutate("context.share", share("flow", "1"))
        assert await reader.next_data(entries) == before
        assert await reader.next_data(agents) == []
        assert await reader.next_data(agents) == [joined["agent"]]

        assert serving.stop(signal.SIGTERM) == 0

    meanwhile = [await writer.mutate("context.share", share("flow", str(n))) for n in (2, 3)]
    with another_server(tmp_path, **ports):
        after = await writer.mutate("context.share", share("flow", "4"))

        assert [await reader.next_data(entries) for _ in range(3)] == [*meanwhile, after]
        assert await reader.next_data(agents) == [joined["agent"]]
        assert await reader.query("session.list") == [joined["agent"]]
        assert (await reader.mutate("session.join", JOIN))["sessionId"] == joined["sessionId"]
        assert reader.pending(entries) == 0


async def test_a_server_that_is_killed_loses_nothing(real: OpenReal, tmp_path: Path) -> None:
    ports = free_ports()
    writer = await real()
    with another_server(tmp_path, **ports) as serving:
        reader = await real(url_of(serving))
        entries = await reader.subscribe("context.onContextChange")
        first = await writer.mutate("context.share", share("flow", "1"))
        assert await reader.next_data(entries) == first

        serving.stop(signal.SIGKILL)

    second = await writer.mutate("context.share", share("flow", "2"))
    with another_server(tmp_path, **ports):
        assert await reader.next_data(entries) == second


async def test_a_server_says_goodbye_before_it_stops(tmp_path: Path, server: Server) -> None:
    with another_server(tmp_path) as serving:
        async with RawClient.open(url_of(serving)) as client:
            await client.query("session.list")

            serving.stop(signal.SIGTERM)

            assert await client.frame() == {"id": None, "method": "reconnect"}
            await client.socket.wait_closed()
            assert client.socket.close_code == 1012


async def test_workers_of_one_server_are_one_coordinator(tmp_path: Path, server: Server) -> None:
    with another_server(tmp_path, "--workers", "2") as serving:
        async with contextlib.AsyncExitStack() as stack:
            clients: list[RawClient] = []
            while not each_worker_has_a_socket(serving):
                opening = RawClient.open(url_of(serving))
                clients.append(await stack.enter_async_context(opening))
                await clients[-1].subscribe(1, "context.onContextChange")

            entry = await clients[0].mutate("context.share", share("flow", "PKCE"))

            for client in clients:
                assert (await client.frame())["result"]["data"] == entry


def each_worker_has_a_socket(serving: Serving) -> bool:
    held = [
        [link for link in worker.net_connections() if link.status == psutil.CONN_ESTABLISHED]
        for worker in serving.workers()
    ]
    port = serving.port("COORDINATOR_PORT")
    return all(any(link.laddr.port == port for link in links) for links in held)
