"""The SDK's stream of events. Contract: hooks-and-sdk 6, websocket."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from dcm_client import AsyncDCMClient, ConnectionFailed, EventStream, StreamClosed, StreamRefused
from dcm_client.events import GAP
from tests.client.hooks import nowhere
from tests.conftest import Server

PATIENCE_SECONDS = 20


@pytest.fixture
async def dcm(server: Server) -> AsyncIterator[AsyncDCMClient]:
    async with AsyncDCMClient(server.url) as client:
        yield client


class Wire:
    """What lies between a stream and the server, and can be cut."""

    def __init__(self, upstream: str) -> None:
        host, port = upstream.removeprefix("ws://").split(":")
        self._upstream = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self.is_up = True
        threading.Thread(target=self._connect, daemon=True).start()

    def _connect(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self.is_up:
                near.close()
                continue
            far = socket.create_connection(self._upstream)
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        shut(one, other)

    def cut(self) -> None:
        self.is_up = False
        shut(*self._ends)

    def close(self) -> None:
        self.cut()
        shut(self._listening)
        self._listening.close()
        for end in self._ends:
            end.close()


def shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    made = Wire(server.ws_url)
    yield made
    made.close()


async def next_of(stream: EventStream, *types: str) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await stream.next_event(*types)


async def make_request(dcm: AsyncDCMClient) -> str:
    project = await dcm.create_project("/srv/shop")
    return (await dcm.create_request("run-1", "Go", project.id)).id


async def test_events_arrive_as_they_happen(server: Server, dcm: AsyncDCMClient) -> None:
    request_id = await make_request(dcm)

    async with EventStream(server.ws_url, types=["task.*"]) as stream:
        task = await dcm.create_task(request_id)
        async for event in stream:
            heard = event
            break

    assert (heard.type, heard.channel, heard.data["id"]) == ("task.created", "global", task.id)


async def test_the_main_port_serves_the_stream_too(server: Server, dcm: AsyncDCMClient) -> None:
    async with EventStream(server.url, agent_id="watcher") as stream:
        connected = await next_of(stream, "agent.connected")

    assert connected.data["agent_id"] == "watcher"


async def test_an_agent_hears_its_own_channel_and_each_event_once(
    server: Server, dcm: AsyncDCMClient
) -> None:
    token = (await dcm.get_token("backend")).token

    async with EventStream(server.ws_url, token=token, types=["message.new"]) as stream:
        for number in range(3):
            await dcm.send_message("lead", "task.created", {"n": number}, to_agent="backend")
        heard = [await next_of(stream) for _ in range(3)]

    assert len({event.id for event in heard}) == 3


async def test_channels_are_taken_left_and_spoken_on(server: Server) -> None:
    async with EventStream(server.ws_url, agent_id="a", channels=["topics/tea"]) as stream:
        await stream.publish("topics/tea", "system.info", {"n": 1})
        first = await next_of(stream, "system.info")
        await stream.unsubscribe("topics/tea")
        await stream.publish("topics/tea", "system.info", {"n": 2})
        await stream.subscribe("topics/tea", "topics/milk")
        await stream.publish("topics/milk", "system.info", {"n": 3})
        second = await next_of(stream, "system.info")

    assert (first.data, second.data, second.channel) == ({"n": 1}, {"n": 3}, "topics/milk")


async def test_what_the_server_refuses_is_an_error(server: Server) -> None:
    async with EventStream(server.ws_url) as stream:
        with pytest.raises(StreamRefused, match="Not authorized"):
            await stream.subscribe("agents/backend")
        with pytest.raises(StreamRefused, match="Invalid event type"):
            await stream.publish("global", "tea.ready")

    with pytest.raises(StreamRefused, match="4001"):
        await EventStream(server.ws_url, token="forged").__aenter__()


async def test_after_an_interruption_nothing_is_missing(dcm: AsyncDCMClient, wire: Wire) -> None:
    request_id = await make_request(dcm)
    options: dict[str, Any] = {"agent_id": "w", "types": ["task.*"], "first_wait_seconds": 0.01}

    async with EventStream(wire.url, retries=None, **options) as stream:
        made = [await dcm.create_task(request_id)]
        heard = [await next_of(stream)]
        wire.cut()
        made += [await dcm.create_task(request_id) for _ in range(5)]
        wire.is_up = True
        heard += [await next_of(stream) for _ in range(5)]

    assert [event.data["id"] for event in heard] == [task.id for task in made]


async def test_a_stream_that_comes_back_asks_for_a_fresh_token(
    dcm: AsyncDCMClient, wire: Wire
) -> None:
    asked = []

    async def fresh() -> str:
        asked.append(1)
        return (await dcm.get_token("backend")).token

    async with EventStream(wire.url, token=fresh, retries=None, first_wait_seconds=0.01) as stream:
        await next_of(stream, "agent.connected")
        wire.cut()
        wire.is_up = True
        await next_of(stream, "agent.connected")

    assert len(asked) == 2


async def test_a_token_that_cannot_be_had_any_more_ends_the_stream(
    dcm: AsyncDCMClient, wire: Wire
) -> None:
    tokens = [(await dcm.get_token("backend")).token]

    async def once() -> str:
        return tokens.pop()

    async with EventStream(wire.url, token=once, first_wait_seconds=0.01) as stream:
        wire.cut()
        with pytest.raises(IndexError):
            await next_of(stream, "nothing")


async def test_a_stream_that_had_heard_nothing_misses_nothing_either(
    dcm: AsyncDCMClient, wire: Wire
) -> None:
    request_id = await make_request(dcm)
    stream = EventStream(wire.url, types=["task.*"], retries=None, first_wait_seconds=0.01)

    async with stream:
        wire.cut()
        task = await dcm.create_task(request_id)
        wire.is_up = True
        # It may also hear of the second before it began.
        while (await next_of(stream)).data["id"] != task.id:
            pass


async def test_a_stream_begins_after_a_known_event(server: Server, dcm: AsyncDCMClient) -> None:
    request_id = await make_request(dcm)
    async with EventStream(server.ws_url, types=["task.*"]) as stream:
        await dcm.create_task(request_id)
        first = await next_of(stream)
    later = await dcm.create_task(request_id)

    assert stream.last_event_id == first.id
    async with EventStream(server.ws_url, types=["task.*"], last_event_id=first.id) as again:
        assert (await next_of(again)).data["id"] == later.id


async def test_what_cannot_be_replayed_is_said(server: Server) -> None:
    async with EventStream(server.ws_url, last_event_id="msg_other_5") as stream:
        gap = await next_of(stream, GAP)

    assert gap.data == {"reason": "epoch"}


async def test_a_gap_is_told_once(dcm: AsyncDCMClient, wire: Wire) -> None:
    request_id = await make_request(dcm)
    options: dict[str, Any] = {"last_event_id": "msg_other_5", "first_wait_seconds": 0.01}

    async with EventStream(wire.url, types=["task.*"], **options) as stream:
        await next_of(stream, GAP)
        wire.cut()
        wire.is_up = True
        await dcm.create_task(request_id)
        event = await next_of(stream)

    assert event.type == "task.created"


async def test_a_stream_that_cannot_come_back_ends(wire: Wire) -> None:
    async with EventStream(wire.url, retries=2, first_wait_seconds=0.01) as stream:
        wire.cut()

        for _ in range(2):
            with pytest.raises(StreamClosed, match="could not come back"):
                await next_of(stream, "nothing")


async def test_a_server_that_is_away_is_said_to_be() -> None:
    with pytest.raises(ConnectionFailed):
        await EventStream(nowhere().replace("http", "ws")).__aenter__()
