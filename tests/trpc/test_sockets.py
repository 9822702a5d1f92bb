"""How one socket behaves: envelopes, odd clients, keep-alive, who may come in."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realtime.tokens import Identity, make_token
from sessions_app.trpc import consumers
from tests.conftest import Api, Server
from tests.trpc.client import AGENT, RawClient, request, share
from tests.trpc.conftest import OpenClient

JOIN = {"name": "api-side", "role": "source", "repoPath": "/srv/api"}
KEY = "k" * 40


async def parse_error(client: RawClient) -> None:
    frame = await client.frame()
    assert frame["id"] is None
    assert frame["error"]["code"] == -32700
    assert frame["error"]["data"] == {"code": "PARSE_ERROR", "httpStatus": 400}


@pytest.mark.parametrize(
    "frame",
    [
        b'{"id":1,"method":"query","params":{"path":"session.list"}}',
        b"\xff\xfe",
        "",
        "{",
        '"PING"',
        [request(1, "query", "session.list"), 5],
        {"id": None, "method": "query", "params": {"path": "session.list"}},
        {"method": "connectionParams", "data": {"token": "abc"}},
        "[" * 100_000,
    ],
)
async def test_what_cannot_be_read_is_answered_once_and_the_socket_stays_open(
    trpc: OpenClient, frame: Any
) -> None:
    client = await trpc()

    await client.send(frame)

    await parse_error(client)
    assert await client.query("session.list") == []


async def test_nothing_of_a_batch_with_a_bad_element_is_carried_out(trpc: OpenClient) -> None:
    client = await trpc()

    await client.send([request(1, "mutation", "context.share", share("k", "v")), 5])

    await parse_error(client)
    assert await client.query("context.get", {"key": "k"}) is None


async def test_text_that_is_no_utf8_closes_with_1007(trpc: OpenClient) -> None:
    client = await trpc()

    await client.socket.send(b"\xff", text=True)
    with pytest.raises(ConnectionClosed):
        await client.text()

    assert client.socket.close_code == 1007


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("query", "session.join"),
        ("mutation", "session.list"),
        ("subscription", "context.get"),
        ("query", "context.onContextChange"),
        ("query", "no.such"),
        ("query", ""),
    ],
)
async def test_nothing_of_that_type_at_that_path_is_not_found(
    trpc: OpenClient, method: str, path: str
) -> None:
    client = await trpc()

    answer = await client.call(method, path)

    assert answer["error"] == {
        "message": f'No "{method}"-procedure on path "{path}"',
        "code": -32004,
        "data": {"code": "NOT_FOUND", "httpStatus": 404, "path": path},
    }


async def test_a_batch_is_worked_off_in_order_each_answer_in_a_frame(trpc: OpenClient) -> None:
    client = await trpc()
    batch = [request(n, "mutation", "session.join", JOIN) for n in range(5)]

    await client.send([*batch, request(9, "query", "session.list")])

    frames = await client.barrier()
    assert [frame["id"] for frame in frames] == [0, 1, 2, 3, 4, 9]
    joined = [frame["result"]["data"]["agent"] for frame in frames[:5]]
    assert frames[5]["result"]["data"] == joined


async def test_an_empty_batch_gets_no_answer(trpc: OpenClient) -> None:
    client = await trpc()

    await client.send([])

    assert await client.barrier() == []


async def test_numbers_and_texts_are_different_ids(trpc: OpenClient) -> None:
    client = await trpc()

    await client.subscribe(9, "context.onContextChange")
    await client.subscribe("9", "context.onContextChange")
    await client.send({"id": "9", "method": "subscription.stop"})
    await client.mutate("context.share", share("k", "v"))

    frames = [await client.frame() for _ in range(2)]
    assert [(frame["id"], frame["result"]["type"]) for frame in frames] == [
        ("9", "stopped"),
        (9, "data"),
    ]


async def test_the_id_of_a_live_subscription_is_refused_and_it_lives_on(trpc: OpenClient) -> None:
    client = await trpc()
    await client.subscribe(9, "context.onContextChange")

    await client.send(request(9, "subscription", "questions.onQuestion"))
    refused = await client.frame()
    await client.send(request(9, "query", "session.list"))
    answered = await client.frame()
    await client.mutate("context.share", share("k", "v"))

    assert refused["error"]["message"] == "Duplicate id 9"
    assert refused["error"]["data"]["code"] == "BAD_REQUEST"
    assert answered["result"]["data"] == []
    assert (await client.frame())["result"]["data"]["key"] == "k"


async def test_a_lone_surrogate_in_an_id_or_a_path_comes_back(trpc: OpenClient) -> None:
    client = await trpc()

    await client.send('{"id":"\\ud83d","method":"query","params":{"path":"\\udc00\\u0000"}}')

    answer = await client.frame()
    assert (answer["id"], answer["error"]["data"]["path"]) == ("\ud83d", "\udc00\0")


async def test_stopping_what_does_not_run_gets_no_answer(trpc: OpenClient) -> None:
    client = await trpc()

    await client.send({"id": 5, "method": "subscription.stop"})
    await client.send([{"id": 5, "method": "subscription.stop", "params": 7}])

    assert await client.barrier() == []


async def test_a_stop_in_the_same_batch_wins(trpc: OpenClient) -> None:
    client = await trpc()
    stop = {"id": 1, "method": "subscription.stop"}

    await client.send([request(1, "subscription", "context.onContextChange"), stop])
    await client.mutate("context.share", share("k", "v"))

    kinds = [frame["result"]["type"] for frame in await client.barrier()]
    assert kinds == ["started", "stopped"]


async def test_jsonrpc_is_answered_in_kind(trpc: OpenClient) -> None:
    client = await trpc()

    await client.send({**request(1, "query", "session.list"), "jsonrpc": "2.0"})
    await client.send({**request(2, "query", "nope"), "jsonrpc": "2.0"})

    assert [(await client.frame())["jsonrpc"] for _ in range(2)] == ["2.0", "2.0"]


async def test_a_flood_is_answered_completely_and_in_order(trpc: OpenClient) -> None:
    client = await trpc()

    for number in range(3000):
        await client.send(request(number, "query", "no.such"))

    assert [frame["id"] for frame in await client.barrier()] == list(range(3000))


async def test_more_subscriptions_than_the_limit_are_refused_one_by_one(
    trpc: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MOST_SUBSCRIPTIONS", 2)
    client = await trpc()

    await client.send([request(n, "subscription", "context.onContextChange") for n in range(3)])

    frames = await client.barrier()
    assert [frame.get("error", {}).get("code") for frame in frames] == [None, None, -32029]


async def test_a_stranger_cannot_stop_the_subscription_of_another(trpc: OpenClient) -> None:
    client, other = await trpc(), await trpc()
    await client.subscribe(1, "context.onContextChange")

    await other.send({"id": 1, "method": "subscription.stop"})
    assert await other.barrier() == []
    await other.mutate("context.share", share("k", "v"))

    assert (await client.frame())["result"]["type"] == "data"


# --- keep-alive -------------------------------------------------------------------------------


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "QUIET_SECONDS", 0.2)
    monkeypatch.setattr(consumers, "PING_ANSWER_SECONDS", 0.4)


@pytest.mark.usefixtures("short_times")
async def test_a_quiet_client_is_asked_and_stays_as_long_as_it_answers(trpc: OpenClient) -> None:
    client = await trpc()

    for _ in range(3):
        assert await client.text() == "PING"
        await client.send("PONG")

    assert client.socket.close_code is None


@pytest.mark.usefixtures("short_times")
async def test_any_message_is_an_answer(trpc: OpenClient) -> None:
    client = await trpc()

    for answer in ("PING", "{", request(1, "query", "session.list")):
        assert await client.text() == "PING"
        await client.send(answer)
        assert await client.text() != "PING"

    assert await client.text() == "PING"
    await client.send("PONG")
    assert client.socket.close_code is None


@pytest.mark.usefixtures("short_times")
async def test_what_the_server_sends_does_not_count_as_a_sign_of_life(
    trpc: OpenClient, api: Api, session: str
) -> None:
    client = await trpc()
    await client.subscribe(1, "context.onContextChange")

    with contextlib.suppress(ConnectionClosed):
        while True:
            await api.put(f"/api/sessions/{session}/context/k", json=share("k", "v"))
            await client.text()

    assert client.socket.close_code == 1006


@pytest.mark.usefixtures("short_times")
async def test_pings_of_the_websocket_itself_do_not_count_either(trpc: OpenClient) -> None:
    client = await trpc()

    with contextlib.suppress(ConnectionClosed):
        while True:
            await (await client.socket.ping())

    assert client.socket.close_code == 1006


@pytest.mark.usefixtures("short_times")
async def test_a_client_that_does_not_answer_is_cut_off(trpc: OpenClient) -> None:
    client = await trpc()

    assert await client.text() == "PING"
    with pytest.raises(ConnectionClosed):
        await client.text()

    assert client.socket.close_code == 1006


async def test_a_pong_nobody_asked_for_gets_no_answer(trpc: OpenClient) -> None:
    client = await trpc("?connectionParams=1")

    await client.send("PONG")
    await client.send({"data": None})
    await client.send("PONG")

    assert await client.barrier() == []


async def test_ping_is_answered_behind_earlier_frames_even_before_parameters(
    trpc: OpenClient, session: str
) -> None:
    client = await trpc(f"?session={session}&connectionParams=1")

    await client.send("PING")
    assert await client.text() == "PONG"
    await client.send({"method": "connectionParams", "data": None})
    await client.send(request(1, "query", "session.list"))
    await client.send("PING")

    assert json.loads(await client.text())["id"] == 1
    assert await client.text() == "PONG"


# --- who may come in --------------------------------------------------------------------------


@pytest.fixture
def shared_key() -> Iterator[None]:
    settings.API_KEY = KEY
    yield
    settings.API_KEY = ""


async def code_of(client: RawClient) -> str:
    answer = await client.call("query", "session.list")
    return str(answer["error"]["data"]["code"]) if "error" in answer else "OK"


@pytest.mark.usefixtures("shared_key")
async def test_without_the_key_each_call_is_unauthorized_and_the_socket_stays_open(
    trpc: OpenClient, session: str
) -> None:
    client = await trpc()

    assert await code_of(client) == "UNAUTHORIZED"
    started = await client.call("subscription", "session.onAgentChange")
    assert started["error"]["code"] == -32001
    assert await client.barrier() == []
    wrong = await trpc(f"?session={session}&token=wrong")
    assert await code_of(wrong) == "UNAUTHORIZED"


@pytest.mark.usefixtures("shared_key")
async def test_key_or_token_may_come_by_url_by_header_or_as_a_parameter(
    trpc: OpenClient, session: str
) -> None:
    token = make_token(Identity("backend"))
    url = f"?session={session}"

    assert await code_of(await trpc(f"{url}&token={KEY}")) == "OK"
    assert await code_of(await trpc(f"{url}&token={token}")) == "OK"
    headers = {"Authorization": f"Bearer {token}"}
    assert await code_of(await trpc(url, additional_headers=headers)) == "OK"
    assert await code_of(await trpc(url, additional_headers={"X-API-Key": KEY})) == "OK"
    client = await trpc(f"{url}&connectionParams=1")
    await client.send({"method": "connectionParams", "data": {"token": token}})
    assert await code_of(client) == "OK"


@pytest.mark.parametrize("flag", ["0", "", "true", "11"])
async def test_only_the_flag_1_announces_parameters(trpc: OpenClient, flag: str) -> None:
    client = await trpc(f"?connectionParams={flag}")

    await client.send({"method": "connectionParams", "data": {"token": "abc"}})

    await parse_error(client)
    assert await client.query("session.list") == []


async def test_parameters_may_choose_the_session(trpc: OpenClient, session: str) -> None:
    client = await trpc("?connectionParams=1")
    await client.send({"method": "connectionParams", "data": {"session": session}})

    joined = await client.mutate("session.join", JOIN)

    assert joined["sessionId"] == session


@pytest.mark.parametrize(
    "frame",
    [
        {"method": "connectionParams", "data": {"session": 5}},
        {"method": "connectionParams"},
        [{"data": None}],
        request(1, "query", "session.list"),
        "{",
    ],
)
async def test_bad_parameters_are_answered_once_and_close_the_socket(
    trpc: OpenClient, frame: Any
) -> None:
    client = await trpc("?connectionParams=1")
    await client.send(frame)

    await parse_error(client)
    with pytest.raises(ConnectionClosed):
        await client.text()


async def test_a_token_for_one_session_opens_no_other(trpc: OpenClient, session: str) -> None:
    token = make_token(Identity("backend", session))

    assert await code_of(await trpc(f"?token={token}")) == "OK"
    assert await code_of(await trpc(f"?token={token}&session={session}")) == "OK"
    assert await code_of(await trpc(f"?token={token}&session=another")) == "FORBIDDEN"


async def test_a_token_cannot_write_as_an_agent_that_joined_with_another(
    trpc: OpenClient, session: str
) -> None:
    mine = await trpc(f"?session={session}&token={make_token(Identity('backend'))}")
    theirs = await trpc(f"?session={session}&token={make_token(Identity('frontend'))}")
    agent = (await mine.mutate("session.join", JOIN))["agent"]
    given = {**share("k", "v"), "agentId": agent["id"]}

    refused = await theirs.call("mutation", "context.share", given)
    unknown = await theirs.call("mutation", "context.share", share("k", "v"))

    assert refused["error"]["data"]["code"] == "FORBIDDEN"
    assert "result" in unknown
    assert "result" in await mine.call("mutation", "context.share", given)


@pytest.mark.parametrize("query", ["?session=%00", f"?session={'s' * 600}"])
async def test_a_session_that_cannot_be_stored_is_a_bad_request(
    trpc: OpenClient, query: str
) -> None:
    assert await code_of(await trpc(query)) == "BAD_REQUEST"


async def test_pages_of_other_sites_are_refused_and_our_own_are_not(server: Server) -> None:
    for origin in ("http://evil.example", "null", "http://localhost.evil.example", "http://["):
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.trpc_url, origin=origin, proxy=None)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
    for origin in ("http://localhost:3848", "http://127.0.0.1:5173"):
        async with RawClient.open(server.trpc_url, origin=origin) as client:
            assert await code_of(client) == "OK"


async def test_the_first_subprotocol_offered_is_taken(trpc: OpenClient) -> None:
    client = await trpc(subprotocols=["first", "second"])

    assert client.socket.subprotocol == "first"


async def test_nothing_is_compressed(trpc: OpenClient) -> None:
    client = await trpc()

    assert client.socket.response is not None
    assert "Sec-WebSocket-Extensions" not in client.socket.response.headers


async def test_plain_http_on_this_port_is_told_to_upgrade(server: Server) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(server.trpc_url.replace("ws:", "http:"))

    assert (answer.status_code, answer.text) == (426, "Upgrade Required")


async def test_the_main_port_serves_it_too(server: Server, session: str) -> None:
    url = f"{server.url.replace('http:', 'ws:')}/trpc?session={session}"
    async with RawClient.open(url) as client:
        assert (await client.mutate("session.join", JOIN))["sessionId"] == session


async def test_no_error_text_holds_a_word_that_bridges_swallow(trpc: OpenClient) -> None:
    client = await trpc()
    bad = [
        await client.call("mutation", "session.join"),
        await client.call("mutation", "context.share", share("k", "v" * 2_000_000)),
        await client.call("mutation", "context.share", share("\0", "v")),
        await client.call("query", "nope"),
        await client.call(
            "mutation", "questions.answer", {"questionId": AGENT, "answer": "a", "agentId": AGENT}
        ),
        await (await trpc("?session=%00")).call("query", "session.list"),
        await (await trpc("?token=bad")).call("query", "session.list"),
    ]

    for answer in bad:
        message = answer["error"]["message"]
        for word in ("connect", "WebSocket", "ECONNREFUSED", "ENOTFOUND"):
            assert word not in message
