"""Who may speak MCP: the rules of REST."""

from pathlib import Path

import pytest

from tests.conftest import Api, Server
from tests.trpc.servers import another_server

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_a_client_without_origin_passes(api: Api, path: str) -> None:
    reply = await api.post(path, json=LIST, headers=ACCEPT)

    assert reply.status_code == 200
    assert reply.json()["result"]["tools"]


async def test_a_page_of_this_machine_passes(api: Api) -> None:
    page = {"Origin": "http://localhost:6274"}
    asked = {**page, "Access-Control-Request-Headers": "mcp-protocol-version"}

    preflight = await api.options("/mcp", headers=asked)
    reply = await api.post("/mcp", json=LIST, headers=ACCEPT | page)

    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "mcp-protocol-version"
    assert reply.status_code == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_page_of_another_site_is_refused(api: Api) -> None:
    for origin in ("https://evil.example", "null", "http://[", "http://127.0.0.1.evil.example"):
        reply = await api.post("/mcp", json=LIST, headers=ACCEPT | {"Origin": origin})

        assert reply.status_code == 403


async def test_a_page_that_rebinds_its_name_is_refused(api: Api) -> None:
    reply = await api.post("/mcp", json=LIST, headers=ACCEPT | {"Host": "evil.example"})

    assert reply.status_code == 421


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD"])
async def test_other_methods_are_told_to_post(api: Api, method: str) -> None:
    reply = await api.request(method, "/mcp", headers=ACCEPT)

    assert (reply.status_code, reply.headers["Allow"]) == (405, "POST")


def test_with_a_key_set_only_who_has_it_passes(tmp_path: Path, server: Server) -> None:
    with another_server(tmp_path, DCM_API_KEY="k" * 40) as serving:
        refused = serving.http.post("/mcp", json=LIST, headers=ACCEPT)
        wrong = serving.http.post(
            "/mcp", json=LIST, headers=ACCEPT | {"Authorization": "Bearer no"}
        )
        passed = serving.http.post(
            "/mcp", json=LIST, headers=ACCEPT | {"Authorization": f"Bearer {'k' * 40}"}
        )

    assert [refused.status_code, wrong.status_code, passed.status_code] == [401, 401, 200]
    assert refused.headers["WWW-Authenticate"] == "Bearer"
