"""Before anybody is asked for a key: which hosts, which pages, by which port, in which mode.

Every Host with every Origin, Sec-Fetch-Site, Content-Type, port and mode: its exact status.
"""

import itertools
from typing import Any

import httpx
import pytest
from django.conf import settings as configured
from pytest_django.fixtures import Settings
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.conftest import Api, Server
from tests.contract.rest import error_of

KEY = "k" * 32
NAMED = "https://board.example"
HOSTS = {"ours": None, "rebound": "evil.test", "rebound with our port": "evil.test:3847"}
ORIGINS = {
    "none": None,
    "ours": "http://localhost:3848",
    "named": NAMED,
    "foreign": "http://evil.test",
}
ODD_ORIGINS = ("null", "", "http://[", "http://localhost.evil.test", "http://evil.test#localhost")
SITES = (None, "same-origin", "cross-site")
TYPES = ("application/json", "text/plain")
MODES = ("open", "narrowed", "production")
PORTS = ("HTTP_PORT", "WS_PORT", "COORDINATOR_PORT")


def set_mode(settings: Settings, mode: str) -> dict[str, str]:
    """Headers that a program needs in this mode."""
    settings.CORS_ORIGINS = frozenset({"*"} if mode == "open" else {NAMED})
    settings.PRODUCTION = mode == "production"
    settings.API_KEY = KEY if mode == "production" else ""
    return {"X-API-Key": KEY} if mode == "production" else {}


def headers_of(**given: str | None) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items() if value is not None}


def wanted(mode: str, host: str, origin: str, site: str | None) -> int:
    if host != "ours":
        return 421
    foreign = origin == "foreign" or (origin == "none" and site == "cross-site")
    return 403 if foreign and mode != "open" else 201


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("origin", ORIGINS)
async def test_the_main_port(
    api: Api, settings: Settings, mode: str, host: str, origin: str
) -> None:
    key = set_mode(settings, mode)

    for site, kind, path in itertools.product(SITES, TYPES, ("/api/projects", "/api/actions")):
        reply = await api.post(
            path,
            content=b'{"path":"/srv/shop","tool_name":"Edit","tool_type":"builtin"}',
            headers=key
            | headers_of(
                Host=HOSTS[host], Origin=ORIGINS[origin], Sec_Fetch_Site=site, Content_Type=kind
            ),
        )

        assert reply.status_code == wanted(mode, host, origin, site), (site, kind, path, reply.text)
        allowed = reply.headers.get("access-control-allow-origin")
        if mode == "open":
            assert allowed == "*"
        elif reply.status_code == 201:
            assert allowed == ORIGINS[origin]
            assert origin == "none" or "Origin" in reply.headers["vary"]
        assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("origin", [*ORIGINS.values(), *ODD_ORIGINS])
async def test_preflight(api: Api, settings: Settings, mode: str, origin: str | None) -> None:
    set_mode(settings, mode)

    reply = await api.options("/api/projects", headers=headers_of(Origin=origin))

    may = mode == "open" or origin in (None, "http://localhost:3848", NAMED)
    assert reply.status_code == (204 if may else 403)


@pytest.mark.parametrize("port", PORTS[1:])
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("mode", MODES)
async def test_the_ports_of_the_sockets_speak_little_http(
    server: Server, settings: Settings, mode: str, host: str, port: str
) -> None:
    set_mode(settings, mode)
    url = f"http://127.0.0.1:{getattr(configured, port)}"
    usual = {"WS_PORT": {"/health": 200, "/stats": 200, "/": 400, "/x": 404}}.get(port, {"/": 426})

    async with httpx.AsyncClient(base_url=url) as client:
        for path, status in usual.items():
            reply = await client.get(path, headers=headers_of(Host=HOSTS[host]))
            assert reply.status_code == (status if host == "ours" else 421), path
            assert mode != "production" or "channelStats" not in reply.text


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("mode", MODES)
async def test_sockets(
    server: Server, settings: Settings, mode: str, origin: str, host: str, port: str
) -> None:
    set_mode(settings, mode)
    path = "/trpc" if port == "COORDINATOR_PORT" else "/ws"
    url = f"ws://127.0.0.1:{getattr(configured, port)}{path}"
    # What our own pages need is let in; any other page only if it is named.
    may = host == "ours" and (origin in ("none", "ours") or (origin == "named" and mode != "open"))

    assert await handshake(url, Host=HOSTS[host], Origin=ORIGINS[origin]) == (101 if may else 403)


@pytest.mark.parametrize("origin", ODD_ORIGINS)
async def test_an_odd_origin_is_a_foreign_one(
    api: Api, server: Server, settings: Settings, origin: str
) -> None:
    set_mode(settings, "narrowed")

    assert (await api.get("/api/projects", headers={"Origin": origin})).status_code == 403
    assert await handshake(server.ws_url, Origin=origin) == 403


async def handshake(url: str, **headers: str | None) -> int:
    """Status of the answer to an upgrade."""
    given: Any = headers_of(**headers)
    host = given.pop("Host", None)
    if host is not None:
        return await _raw_handshake(url, host, given)
    try:
        async with connect(url, additional_headers=given, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def _raw_handshake(url: str, host: str, headers: dict[str, str]) -> int:
    """With a Host header of our choice, which the client library would not send."""
    upgrade = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with httpx.AsyncClient() as client:
        reply = await client.get(url.replace("ws:", "http:"), headers=upgrade | headers)
        return reply.status_code


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_development_is_not_for_those_behind_a_proxy(
    api: Api, server: Server, settings: Settings, name: str
) -> None:
    for path in ("/api/projects", "/api/routing/suggest?keywords=a", "/"):
        reply = await api.get(path, headers={name: "10.0.0.9"})
        assert error_of(reply) == (403, "Forwarded requests are refused")
    assert await handshake(server.ws_url, **{name: "10.0.0.9"}) == 403

    key = set_mode(settings, "production")
    assert (await api.get("/api/projects", headers=key | {name: "10.0.0.9"})).status_code == 200


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/api/docs", "/api/projects", "/livez"])
async def test_browsers_are_told_to_be_careful(api: Api, path: str) -> None:
    reply = await api.get(path)

    assert reply.headers["x-content-type-options"] == "nosniff"
    if path in ("/", "/admin/login/", "/api/docs"):
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["referrer-policy"] == "same-origin"


async def test_a_change_by_cookie_needs_the_pages_own_token(api: Api) -> None:
    reply = await api.post("/admin/login/", data={"username": "mia", "password": "x"})

    assert reply.status_code == 403
    assert "CSRF" in reply.text


async def test_over_tls_browsers_are_told_to_stay_there(api: Api, settings: Settings) -> None:
    set_mode(settings, "production")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    reply = await api.get("/admin/login/", headers={"X-Forwarded-Proto": "https"})

    assert "Secure" in reply.headers["set-cookie"]
    assert "Secure" not in (await api.get("/admin/login/")).headers["set-cookie"]
