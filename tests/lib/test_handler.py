"""The edge: what may be relied on whatever the view."""

import asyncio
import threading
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started

from dcm.lib.handler import LeanHandler
from tests.conftest import Api
from tests.lib.conftest import open_wire, reached
from tests.lib.edge import Marks


async def test_async_views_run_on_the_loop_and_others_in_a_shared_thread(
    http: Api, marks: Marks
) -> None:
    on_the_loop = await http.post("/api/echo", content=b"12345")
    await http.get("/api/query")

    assert on_the_loop.json()["size"] == 5
    assert not on_the_loop.json()["thread"].startswith("db")
    assert all(name.startswith("db") for name in marks.threads)


async def test_each_method_of_a_route_may_have_a_view_of_its_own(http: Api) -> None:
    posted = await http.post("/api/both", content=b"1")
    got = await http.get("/api/both")
    asked = await http.head("/api/both")
    other = await http.put("/api/both")

    assert "size" in posted.json()
    assert got.json() == {"names": []}
    assert asked.status_code == 200
    assert (other.status_code, other.json()) == (404, {"error": "Not Found"})


@pytest.mark.parametrize("path", ["/api/nowhere", "/nowhere", "/api/echo/more"])
async def test_unknown_routes_are_not_found_as_json(http: Api, path: str) -> None:
    reply = await http.get(path)

    assert (reply.status_code, reply.json()) == (404, {"error": "Not Found"})
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/api/greet", "/api/names"])
async def test_head_answers_as_get_without_a_body(http: Api, path: str) -> None:
    got = await http.get(path)
    asked = await http.head(path)

    assert asked.status_code == 200
    assert asked.content == b""
    assert asked.headers["Content-Length"] == str(len(got.content))


@pytest.mark.parametrize("path", ["/api/echo", "/api/names"])
async def test_a_method_without_a_view_is_not_found(http: Api, path: str) -> None:
    reply = await http.patch(path)

    assert (reply.status_code, reply.json()) == (404, {"error": "Not Found"})


async def test_a_preflight_is_answered_on_any_path(http: Api) -> None:
    asked = {"Access-Control-Request-Headers": "x-one, content-type"}

    reply = await http.options("/api/nowhere", headers=asked)

    assert reply.status_code == 204
    assert reply.headers["Access-Control-Allow-Headers"] == "x-one, content-type"
    assert "QUERY" in reply.headers["Access-Control-Allow-Methods"]


async def test_a_trailing_slash_changes_nothing_but_one_in_an_id_stays(http: Api) -> None:
    plain = await http.get("/api/greet/")
    in_thread = await http.get("/api/names/")
    inside = await http.get("/api/greet/a%2Fb")
    last = await http.get("/api/greet/a%2F")

    assert plain.status_code == in_thread.status_code == 200
    assert inside.json()["name"] == "a/b"
    assert last.json()["name"] == "a/"


async def test_a_refusal_of_a_service_keeps_its_words(http: Api) -> None:
    replies = [await http.get(f"/api/{view}/conflict") for view in ("fail", "fail-in-thread")]

    for reply in replies:
        assert reply.status_code == 409
        assert reply.json() == {"error": "Taken already", "by": "somebody"}


async def test_a_bug_is_labelled_and_its_text_kept_in_the_log(
    http: Api, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await http.get("/api/fail/bug")
    in_thread = await http.get("/api/fail-in-thread/bug")

    assert (reply.status_code, in_thread.status_code) == (500, 500)
    assert reply.json()["error"] == "Failed to add"
    assert in_thread.json()["error"] == "Internal Server Error"
    assert "secret" not in reply.text + in_thread.text
    assert caplog.text.count("ZeroDivisionError: secret detail") == 2


async def test_what_django_finds_suspicious_is_a_bad_request(http: Api) -> None:
    replies = [await http.get(f"/api/{view}/suspicious") for view in ("fail", "fail-in-thread")]

    assert {(reply.status_code, reply.text) for reply in replies} == {
        (400, '{"error":"Bad Request"}')
    }


@pytest.mark.parametrize("path", ["/api/greet/%FF", "/api/greet/%ED%A0%80", "/api/greet/a%00b"])
async def test_a_path_that_is_no_text_is_a_bad_request(http: Api, path: str) -> None:
    reply = await http.get(path)

    assert reply.status_code == 400
    assert reply.json()["error"] == "Bad Request"


async def test_a_query_string_that_is_no_text_is_a_bad_request(http: Api) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    # uvicorn and daphne stop such a request themselves; other servers do not.
    scope = {"type": "http", "method": "GET", "path": "/api/greet", "query_string": b"q=\xff"}
    await LeanHandler()({**scope, "headers": [(b"host", b"localhost")]}, receive, send)

    assert sent[0]["status"] == 400
    assert b'"error":"Bad Request"' in sent[1]["body"]


async def test_a_replacement_character_in_a_path_is_text_like_any_other(http: Api) -> None:
    reply = await http.get("/api/greet/%EF%BF%BD")

    assert reply.json()["name"] == "\ufffd"


async def test_a_name_that_rebinds_to_this_address_is_refused(http: Api) -> None:
    reply = await http.get("/api/greet", headers={"Host": "evil.example"})

    assert reply.status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "\u00ff/; charset=bogus"},
        {"Content-Type": ""},
        {"Cookie": "=;;=,\u00ff"},
        {"Accept": "no such thing"},
        {"X-Odd": "\u00ff" * 1000},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data"},
    ],
)
async def test_odd_headers_change_nothing(http: Api, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    echoed = await http.post("/api/echo", content=b"{}", headers=raw)
    named = await http.post("/api/names", content=b'{"name": "a"}', headers=raw)

    assert (echoed.status_code, named.status_code) == (200, 201)


async def test_a_body_without_a_length_is_read_like_any_other(http: Api) -> None:
    async def chunks() -> Any:
        yield b'{"name":'
        yield b'"a"}'

    reply = await http.post("/api/names", content=chunks())

    assert reply.json() == {"name": "a"}


@pytest.mark.parametrize("body", [b"", b"{", b'{"name": "\\ud800"}', b'{"name": "\xff"}', b"NaN"])
async def test_a_body_that_is_no_json_is_refused(http: Api, body: bytes) -> None:
    reply = await http.post("/api/names", content=body)

    assert reply.status_code == 400
    assert reply.json()["error"] == "Invalid JSON body"


@pytest.mark.parametrize("path", [b"/api/echo", b"/api/names"])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_refused_and_the_connection_goes_on(
    http: Api, edge_url: str, path: bytes, declared: bool
) -> None:
    body = b"x" * (settings.MAX_BODY_BYTES + 1)
    framing = (
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        if declared
        else b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    )
    async with open_wire(edge_url) as wire:
        await wire.write(b"POST ", path, b" HTTP/1.1\r\nHost: localhost\r\n", framing)
        status, reply = await wire.read_reply()
        await wire.write(b"GET /api/greet HTTP/1.1\r\nHost: localhost\r\n\r\n")
        next_status, _ = await wire.read_reply()

    assert status == 413
    assert b'"error":"Request body too large"' in reply
    assert next_status == 200


async def test_the_largest_body_is_taken_and_hooks_may_send_more(http: Api) -> None:
    largest = await http.post("/api/echo", content=b"x" * settings.MAX_BODY_BYTES)
    hook = await http.post("/api/hooks/echo", content=b"x" * (settings.MAX_BODY_BYTES * 2))

    assert largest.json()["size"] == settings.MAX_BODY_BYTES
    assert hook.json()["size"] == settings.MAX_BODY_BYTES * 2


@pytest.mark.parametrize("path", ["/api/stream", "/api/stream-from-thread"])
async def test_a_stream_arrives_part_by_part(http: Api, marks: Marks, path: str) -> None:
    async with http.stream("GET", path) as reply:
        parts = reply.aiter_raw()
        first = await anext(parts)
        marks.go_on.set()
        rest = [part async for part in parts]

    assert (first, b"".join(rest)) == (b"first ", b"second")
    assert await reached(marks.ended)


async def test_a_stream_of_a_synchronous_view_stays_in_one_thread(http: Api, marks: Marks) -> None:
    marks.go_on.set()

    await asyncio.gather(*(http.get("/api/query") for _ in range(20)))
    marks.threads.clear()
    await http.get("/api/stream-from-thread")

    assert len(marks.threads) == 1


@pytest.mark.parametrize("path", ["/api/stream", "/api/stream-from-thread"])
async def test_a_stream_ends_when_its_client_goes(http: Api, marks: Marks, path: str) -> None:
    async with http.stream("GET", path) as reply:
        await anext(reply.aiter_raw())
    marks.go_on.set()

    assert await reached(marks.ended)


async def test_a_client_that_goes_cancels_an_async_view(
    http: Api, edge_url: str, marks: Marks
) -> None:
    async with open_wire(edge_url) as wire:
        await wire.write(b"GET /api/wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await reached(marks.started)

    assert await reached(marks.ended)


async def test_a_client_that_goes_leaves_a_synchronous_view_to_finish(
    http: Api, edge_url: str, marks: Marks
) -> None:
    async with open_wire(edge_url) as wire:
        await wire.write(b"GET /api/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await reached(marks.started)

    marks.go_on.set()

    assert await reached(marks.ended)
    assert (await http.get("/api/query")).status_code == 200


async def test_a_client_that_goes_before_its_body_is_whole_reaches_no_view(
    http: Api, edge_url: str
) -> None:
    started: list[str] = []
    listener = lambda scope, **_: started.append(scope["path"])  # noqa: E731
    request_started.connect(listener)
    try:
        async with open_wire(edge_url) as wire:
            head = b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
            await wire.write(head, b"12345")
        await http.get("/api/greet")
    finally:
        request_started.disconnect(listener)

    assert started == ["/api/greet"]


@pytest.mark.parametrize("path", ["/api/greet", "/api/query", "/api/stream", "/api/fail/bug"])
async def test_request_signals_are_sent_once_each(http: Api, marks: Marks, path: str) -> None:
    heard: list[str] = []
    finished = threading.Event()

    def on_start(**_: Any) -> None:
        heard.append("started")

    def on_finish(**_: Any) -> None:
        heard.append("finished")
        finished.set()

    marks.go_on.set()
    request_started.connect(on_start)
    request_finished.connect(on_finish)
    try:
        await http.get(path)
        assert await reached(finished)
    finally:
        request_started.disconnect(on_start)
        request_finished.disconnect(on_finish)

    assert heard == ["started", "finished"]


async def test_many_requests_share_few_threads(http: Api, marks: Marks, edge_url: str) -> None:
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=edge_url, limits=limits, timeout=30) as client:
        replies = await asyncio.gather(*(client.get("/api/query") for _ in range(200)))

    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["pid"] for reply in replies}) <= settings.DB_THREADS
    assert len(marks.threads) <= settings.DB_THREADS


async def test_requests_in_one_thread_keep_its_connection(http: Api) -> None:
    pids = [(await http.get("/api/query")).json()["pid"] for _ in range(settings.DB_THREADS * 2)]

    assert len(set(pids)) <= settings.DB_THREADS
