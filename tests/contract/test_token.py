"""Contract: rest 5.14, websocket 4.1, quirks R32, W07."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from django.conf import settings as configured
from pytest_django.fixtures import Settings

from tests.conftest import Api
from tests.contract.rest import error_of

KEY = "k" * 32


async def token_for(api: Api, **body: Any) -> str:
    response = await api.post("/api/auth/token", json=body)
    assert (response.status_code, response.json()["expires_in"]) == (200, 3600)
    assert list(response.json()) == ["token", "expires_in"]
    return str(response.json()["token"])


def decoded(token: str) -> tuple[bytes, str]:
    """The payload's bytes and the signature."""
    payload, signature = token.split(".")
    assert "=" not in payload
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), signature


async def test_a_token_says_who_it_is_for_and_until_when(api: Api) -> None:
    token = await token_for(api, agent_id="ag-7 😀", session_id="s-1")

    payload = json.loads(decoded(token)[0])
    assert list(payload) == ["agent_id", "session_id", "issued_at", "expires_at"]
    assert (payload["agent_id"], payload["session_id"]) == ("ag-7 😀", "s-1")
    assert payload["expires_at"] - payload["issued_at"] == 3_600_000


async def test_the_session_is_left_out_when_none_was_asked_for(api: Api) -> None:
    for session in ({}, {"session_id": None}, {"session_id": ""}):
        token = await token_for(api, agent_id="ag-7", **session)

        assert "session_id" not in json.loads(decoded(token)[0])


async def test_a_token_is_signed_with_hmac_sha256(api: Api) -> None:
    payload, signature = decoded(await token_for(api, agent_id="ag-7"))

    secret = configured.WS_AUTH_SECRETS[0].encode()
    assert signature == hmac.new(secret, payload, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "body",
    [{}, {"agent_id": ""}, {"agent_id": None}, {"agent_id": 5}, {"agent_id": ["a"]}, {"id": "a"}],
)
async def test_a_token_needs_an_agent(api: Api, body: Any) -> None:
    response = await api.post("/api/auth/token", json=body)

    assert (response.status_code, response.json()) == (400, {"error": "Missing agent_id"})


async def test_a_configured_key_is_required(api: Api, settings: Settings) -> None:
    settings.API_KEY = KEY

    without = await api.post("/api/auth/token", json={"agent_id": "ag-7"})
    wrong = await api.post(
        "/api/auth/token", json={"agent_id": "ag-7"}, headers={"Authorization": "Bearer no"}
    )
    right = await api.post(
        "/api/auth/token", json={"agent_id": "ag-7"}, headers={"Authorization": f"Bearer {KEY}"}
    )

    for refused in (without, wrong):
        assert error_of(refused) == (401, "Unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["access-control-allow-origin"] == "*"
    assert right.status_code == 200


@pytest.mark.parametrize("header", ["é", "Bearer", "Basic x"])
async def test_an_odd_key_is_a_wrong_key(api: Api, settings: Settings, header: str) -> None:
    settings.API_KEY = KEY

    response = await api.get("/api/projects", headers={b"Authorization": header.encode()})

    assert error_of(response) == (401, "Unauthorized")


async def test_health_and_preflight_need_no_key(api: Api, settings: Settings) -> None:
    settings.API_KEY = KEY

    health = await api.get("/health")
    preflight = await api.options("/api/projects")

    assert (health.status_code, preflight.status_code) == (200, 204)
