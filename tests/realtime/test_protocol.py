"""The native protocol, frame by frame. Contract: websocket 3 to 5."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.conf import settings
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime.tokens import Identity, make_token
from tests.conftest import Api, Server
from tests.sockets import Listener


@pytest.fixture
async def socket(server: Server) -> AsyncIterator[Listener]:
    """Connected, greeted, and nobody in particular."""
    async with Listener.open(server.ws_url) as listener:
        await listener.next_frame()
        yield listener


@pytest.fixture
def production() -> Any:
    settings.PRODUCTION = True
    yield
    settings.PRODUCTION = False


async def answer(socket: Listener, frame: Any) -> dict[str, Any]:
    """The next frame that is no event, after sending this one as it is."""
    await socket.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))
    while True:
        reply = await socket.next_frame()
        if reply["type"] != "event":
            return reply


async def is_silent(socket: Listener) -> bool:
    """Whether nothing but events came before the answer to a ping."""
    return (await answer(socket, {"type": "ping", "id": "silence"})) | {"timestamp": 0} == {
        "type": "pong",
        "id": "silence",
        "timestamp": 0,
    }


@pytest.mark.parametrize("path", ["", "/", "/ws", "/ws?agent_id=a&session_id=s"])
async def test_the_first_frame_says_who_the_client_is(server: Server, path: str) -> None:
    async with Listener.open(server.ws_url + path) as listener:
        first = await listener.next_frame()

    assert (first["type"], first["client_id"][:3]) == ("connected", "ws_")
    assert isinstance(first["timestamp"], int)


async def test_another_path_is_refused(server: Server) -> None:
    with pytest.raises(InvalidStatus):
        await connect(f"{server.ws_url}/other")


@pytest.mark.parametrize(
    ("origin", "taken"),
    [(None, True), ("http://localhost:3848", True), ("https://evil.example", False)],
)
async def test_pages_of_other_sites_are_refused(
    server: Server, origin: str | None, taken: bool
) -> None:
    headers = {} if origin is None else {"Origin": origin}

    try:
        socket = await connect(server.ws_url, additional_headers=headers)
    except InvalidStatus:
        assert not taken
    else:
        await socket.close()
        assert taken


@pytest.mark.parametrize("number", [1, "a", 1.5, 0, ""])
async def test_acks_repeat_the_id(socket: Listener, number: Any) -> None:
    reply = await answer(socket, {"type": "subscribe", "channel": "metrics", "id": number})

    assert (reply["type"], reply["id"], reply["success"]) == ("ack", number, True)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "subscribe", "channel": "metrics"},
        {"type": "unsubscribe", "channel": "metrics"},
        {"type": "publish", "channel": "global", "event": "system.info", "data": 1},
        {"type": "pong"},
        {"type": "ack", "message_id": "msg_x_1"},
        {"type": "ack", "message_id": {"odd": True}},
    ],
)
async def test_what_has_no_id_is_not_acknowledged(socket: Listener, frame: Any) -> None:
    await socket.send(**frame)

    assert await is_silent(socket)


async def test_an_auth_without_an_id_is_acknowledged(socket: Listener) -> None:
    reply = await answer(socket, {"type": "auth", "agent_id": "a"})

    assert (reply["type"], reply["id"], reply["success"]) == ("ack", None, True)


@pytest.mark.parametrize(
    ("frame", "code", "text"),
    [
        ("{", "PARSE_ERROR", "Failed to parse message"),
        ("null", "PARSE_ERROR", "Failed to parse message"),
        (b"\xff\xfe", "PARSE_ERROR", "Failed to parse message"),
        ("", "PARSE_ERROR", "Failed to parse message"),
        ("[" * 100_000, "PARSE_ERROR", "Failed to parse message"),
        ("5", "UNKNOWN_MESSAGE_TYPE", "Unknown message type: undefined"),
        ([], "UNKNOWN_MESSAGE_TYPE", "Unknown message type: undefined"),
        ({"type": "sing"}, "UNKNOWN_MESSAGE_TYPE", "Unknown message type: sing"),
        ({"type": 5}, "UNKNOWN_MESSAGE_TYPE", "Unknown message type: 5"),
        ({"type": "auth"}, "4003", "Missing token or agent_id"),
        ({"type": "auth", "agent_id": ""}, "4003", "Missing token or agent_id"),
        ({"type": "auth", "token": "x", "agent_id": "a"}, "4001", "Invalid or expired token"),
        ({"type": "auth", "token": 5}, "4001", "Invalid or expired token"),
        ({"type": "auth", "agent_id": "a\0"}, "INVALID_IDENTITY", None),
        ({"type": "subscribe"}, "INVALID_CHANNEL", "Invalid channel format: undefined"),
        ({"type": "subscribe", "channel": "tasks.*"}, "INVALID_CHANNEL", None),
        ({"type": "subscribe", "channel": "topics/"}, "INVALID_CHANNEL", None),
        ({"type": "subscribe", "channel": "global\0"}, "INVALID_CHANNEL", None),
        ({"type": "subscribe", "channel": "agents/x"}, "NOT_AUTHORIZED", None),
        ({"type": "publish", "channel": "global", "event": "tea.ready"}, "INVALID_EVENT", None),
        ({"type": "publish", "channel": "x", "event": "task.created"}, "INVALID_CHANNEL", None),
        (
            {"type": "publish", "channel": "metrics", "event": "metric.update"},
            "NOT_AUTHORIZED",
            "Not authorized to publish to this channel",
        ),
        (
            {"type": "publish", "channel": "global", "event": "system.info", "data": "\0"},
            "INVALID_DATA",
            None,
        ),
    ],
)
async def test_what_cannot_be_done_is_an_error_frame_and_the_socket_stays_open(
    socket: Listener, frame: Any, code: str, text: str | None
) -> None:
    reply = await answer(socket, frame)

    assert (reply["type"], reply["code"]) == ("error", code)
    assert reply["error"] == reply["message"]
    assert text in (None, reply["error"])
    assert await is_silent(socket)


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("agents/other", "Not authorized to subscribe to this agent channel"),
        ("sessions/s", "Not authorized to subscribe to this session channel"),
        ("bad", "Invalid channel format: bad"),
        (5, "Invalid channel format: 5"),
    ],
)
async def test_a_refused_subscription_with_an_id_is_a_failed_ack(
    socket: Listener, channel: Any, text: str
) -> None:
    reply = await answer(socket, {"type": "subscribe", "channel": channel, "id": 7})

    assert (reply["type"], reply["id"], reply["success"]) == ("ack", 7, False)
    assert reply["error"] == text


async def test_a_failed_auth_leaves_the_earlier_identity(socket: Listener) -> None:
    await socket.authenticate("a")

    reply = await answer(socket, {"type": "auth", "token": "x", "id": 9})
    own = await answer(socket, {"type": "subscribe", "channel": "agents/a", "id": 10})

    assert (reply["type"], reply["code"], reply["id"]) == ("error", "4001", 9)
    assert own["success"] is True


async def test_another_identity_does_not_keep_private_channels(
    socket: Listener, api: Api, production: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "API_KEY", "k" * 32)
    api.headers["X-API-Key"] = settings.API_KEY
    for agent_id in ("first", "second"):
        await socket.ask(type="auth", token=make_token(Identity(agent_id)))

    await api.post("/api/blocking", json={"blocked_by": "x", "blocked_agent": "first"})
    await api.post("/api/blocking", json={"blocked_by": "x", "blocked_agent": "second"})

    heard = {event["channel"] for event in await socket.heard() if "blocked" in event["event"]}
    assert heard == {"global", "agents/second"}


async def test_in_production_only_tokens_count(socket: Listener, production: None) -> None:
    by_name = await answer(socket, {"type": "auth", "agent_id": "a"})
    anonymous = await answer(
        socket, {"type": "publish", "channel": "global", "event": "system.info", "id": 1}
    )
    proven = await answer(socket, {"type": "auth", "token": make_token(Identity("a")), "id": 2})
    other = await answer(socket, {"type": "subscribe", "channel": "agents/b", "id": 3})

    assert by_name["code"] == "4002"
    assert (anonymous["success"], proven["success"], other["success"]) == (False, True, False)


async def test_a_token_binds_to_its_session(socket: Listener) -> None:
    await socket.ask(type="auth", token=make_token(Identity("a", "mine")))

    mine = await answer(socket, {"type": "subscribe", "channel": "sessions/mine", "id": 1})
    other = await answer(socket, {"type": "subscribe", "channel": "sessions/other", "id": 2})

    assert (mine["success"], other["success"]) == (True, False)


async def test_a_token_in_the_url_authenticates_silently(server: Server) -> None:
    token = make_token(Identity("a", "s"))
    async with Listener.open(f"{server.ws_url}/?token={token}") as listener:
        first = await listener.next_frame()
        told = await listener.next_event("agent.connected")

    assert first["type"] == "connected"
    assert told["data"] == {
        "agent_id": "a",
        "session_id": "s",
        "client_id": first["client_id"],
    }


async def test_several_channels_are_taken_at_once_or_not_at_all(socket: Listener) -> None:
    both = await answer(
        socket, {"type": "subscribe", "channels": ["topics/a", "topics/b"], "id": 1}
    )
    bad = await answer(socket, {"type": "subscribe", "channels": ["topics/c", "bad"], "id": 2})
    many = [f"topics/{n}" for n in range(100_000)]
    flood = await answer(socket, {"type": "subscribe", "channels": many, "id": 3})

    assert (both["success"], bad["success"], flood["success"]) == (True, False, False)
    assert flood["error"] == "At most 1000 subscriptions"


async def test_a_publisher_hears_itself_before_the_ack(socket: Listener) -> None:
    await socket.send(type="publish", channel="global", event="task.created", data={"n": 1}, id="p")

    event, ack = await socket.next_frame(), await socket.next_frame()

    assert (event["type"], event["event"], event["data"]) == ("event", "task.created", {"n": 1})
    assert (ack["type"], ack["id"], ack["success"]) == ("ack", "p", True)


async def test_data_that_is_left_out_is_an_empty_object(socket: Listener) -> None:
    await socket.send(type="publish", channel="global", event="system.info")

    assert (await socket.next_event("system.info"))["data"] == {}


async def test_one_event_has_one_id_on_all_channels(server: Server, api: Api) -> None:
    async with Listener.open(server.ws_url) as listener:
        await listener.authenticate("ag-7")
        message = {"from_agent": "a", "to_agent": "ag-7", "topic": "task.created", "content": "x"}
        await listener.subscribe("topics/task.created")

        await api.post("/api/messages", json=message)

        frames = [await listener.next_event("message.new") for _ in range(3)]
    assert {frame["channel"] for frame in frames} == {
        "global",
        "agents/ag-7",
        "topics/task.created",
    }
    assert len({frame["id"] for frame in frames}) == 1
    assert frames[0]["data"] == frames[1]["data"]


async def test_a_frame_of_seventeen_megabytes_closes_only_its_own_socket(server: Server) -> None:
    async with Listener.open(server.ws_url) as other, Listener.open(server.ws_url) as listener:
        await other.next_frame()
        await listener.next_frame()
        large = await answer(listener, {"type": "ping", "pad": "x" * 15 * 2**20})
        await listener.send(type="ping", pad="x" * 17 * 2**20)
        await asyncio.wait_for(listener.socket.wait_closed(), 5)

        assert large["type"] == "pong"
        assert listener.socket.close_code == 1009
        assert await is_silent(other)


@pytest.mark.parametrize(
    "data",
    ["x" * 7_900, "x" * 8_100, "x" * 200_000, "ü€😀" * 3_000, {"deep": [{"a": None}] * 2_000}],
    ids=["7900", "8100", "200000", "multi-byte", "nested"],
)
async def test_data_of_any_size_arrives_as_it_was(
    server: Server, socket: Listener, data: Any
) -> None:
    async with Listener.open(server.ws_url) as other:
        await other.next_frame()

        await socket.ask(type="publish", channel="global", event="system.info", data=data)

        assert (await other.next_event("system.info"))["data"] == data


async def test_the_port_tells_who_is_there(server: Server, api: Api, socket: Listener) -> None:
    url = server.ws_url.replace("ws://", "http://")

    health = (await api.get(f"{url}/health")).json()
    stats = (await api.get(f"{url}/stats")).json()
    plain = await api.get(url)
    missing = await api.get(f"{url}/other")

    assert (health["status"], health["type"], health["port"]) == (
        "healthy",
        "websocket",
        settings.WS_PORT,
    )
    assert stats["connectedClients"] >= 1
    assert stats["channelStats"]["global"] >= 1
    assert (plain.status_code, missing.status_code) == (400, 404)
