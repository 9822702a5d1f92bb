"""Whatever comes in is answered, and the connection goes on."""

import json
from typing import Any

import httpx
import pytest
from django.conf import settings

from tests.conftest import Api
from tests.mcp.calls import call, refusal
from tests.mcp.conftest import Connect

ACCEPT = {"Accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"7",
    "a batch": b"[]",
    "no UTF-8": b'{"jsonrpc":"2.0","id":1,"method":"ping\xff"}',
    "no method": b'{"jsonrpc":"2.0","id":1}',
    "an unknown method": b'{"jsonrpc":"2.0","id":1,"method":"tools/burn"}',
    "wrong params": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}',
    "no name": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}',
    "a deep value": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 50_000,
    "a huge number": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":'
    + b"9" * 9_000
    + b"}}",
    "half a pair": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}',
    "an odd id": b'{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}',
}
WRONG: dict[str, dict[str, Any]] = {
    "a wrong type": {"message": 7},
    "a missing field": {"to": "x"},
    "an empty text": {"message": ""},
    "a NUL": {"message": "a\0b"},
    "a wrong topic": {"message": "x", "topic": "tea.ready"},
    "a number out of range": {"message": "x", "priority": 2**70},
    "an object": {"message": {"deep": [[[]]]}},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
@pytest.mark.parametrize("version", [None, "2025-06-18", "2026-07-28", "tomorrow", "\xe4"])
async def test_a_body_that_is_no_request_gets_a_refusal(
    api: Api, body: bytes, version: str | None
) -> None:
    headers = {**ACCEPT, "Content-Type": "application/json"}
    if version is not None:
        headers["MCP-Protocol-Version"] = version

    reply = await api.post("/mcp?agent_id=x", content=body, headers=_latin(headers))
    after = await api.get("/livez")

    assert reply.status_code < 500
    # To the older generation a request with an odd id is a notification.
    assert reply.status_code >= 400 or not reply.content or "error" in reply.json()
    assert after.status_code == 200


@pytest.mark.parametrize("arguments", WRONG.values(), ids=list(WRONG))
async def test_arguments_that_do_not_fit_are_told_by_name(
    api: Api, arguments: dict[str, Any]
) -> None:
    for extra in ({}, {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call"}):
        headers = {**ACCEPT, "Content-Type": "application/json", **extra}
        headers |= {"Mcp-Name": "send"} if extra else {}
        params = {"name": "send", "arguments": arguments, "_meta": META}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

        reply = await api.post("/mcp?agent_id=x", content=json.dumps(body), headers=headers)

        result = reply.json()["result"]
        assert result["isError"] is True, result
        assert result["content"][0]["text"].startswith("Validation failed: ")


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
async def test_half_a_surrogate_pair_is_refused(api: Api, version: str) -> None:
    headers = {**ACCEPT, "Content-Type": "application/json", "MCP-Protocol-Version": version}
    headers |= {"Mcp-Method": "tools/call", "Mcp-Name": "send"}
    params = {"name": "send", "arguments": {"message": "\ud800"}, "_meta": META}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

    reply = (await api.post("/mcp?agent_id=x", content=json.dumps(body), headers=headers)).json()

    assert "error" in reply or reply["result"]["isError"]


async def test_a_call_of_half_a_megabyte_passes(connect: Connect) -> None:
    async with connect() as client:
        await call(client, "share", key="large", value="ä" * 250_000)

        assert len((await call(client, "recall", key="large"))["value"]) == 250_000


async def test_a_refused_call_does_not_end_the_connection(connect: Connect) -> None:
    async with connect() as client:
        told = await refusal(client, "answer", question_id="none", answer="x")
        unknown = await refusal(client, "burn")

        assert told == "Question not found: none"
        assert "no such tool" in unknown
        assert (await call(client, "inbox"))["messages"] == []


async def test_texts_too_large_for_an_index_are_refused(connect: Connect) -> None:
    noise = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(20_000))

    async with connect() as client:
        told = await refusal(client, "send", message="x", to=noise)

    assert told.startswith("Validation failed")


async def test_a_body_beyond_the_limit_is_refused_unread(api: Api) -> None:
    large = b"x" * (settings.MAX_BODY_BYTES + 1)

    reply = await api.post("/mcp", content=large, headers=ACCEPT)
    after = await api.get("/livez")

    assert (reply.status_code, after.status_code) == (413, 200)


@pytest.mark.parametrize("query", ["agent_id=%00", "session_id=a%00b", "tools=%00", "tools=,"])
async def test_an_address_that_cannot_be_meant_is_refused(api: Api, query: str) -> None:
    reply = await api.post(f"/mcp?{query}", json={})

    assert reply.status_code == 400
    assert reply.json()["error"] == "Invalid query parameters"


def _latin(headers: dict[str, str]) -> httpx.Headers:
    return httpx.Headers(
        [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    )
