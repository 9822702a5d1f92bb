"""Tokens that say who a socket is. Contract: websocket 4.1, W07.

base64url(payload JSON) + "." + hex HMAC-SHA256 of the payload's bytes. Of several secrets the
newest signs and each verifies.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

LIFETIME_SECONDS = 3600
CLOCK_SKEW_MS = 30_000
"""How far the clocks of two servers may differ: so much longer a token counts."""


class InvalidToken(Exception):
    """Forged, damaged or expired."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client has proven to be, and the session it is bound to, if any.

    key_id: of the API key that its token was made with; "" where none is needed. expires_at_ms: of
    the token, as Unix time; None without one.
    """

    agent_id: str
    session_id: str | None = None
    key_id: str = ""
    expires_at_ms: int | None = None


def make_token(identity: Identity) -> str:
    """A token for an hour."""
    now_ms = time.time_ns() // 1_000_000
    payload: dict[str, Any] = {"agent_id": identity.agent_id}
    if identity.session_id is not None:
        payload["session_id"] = identity.session_id
    if identity.key_id:
        payload["key_id"] = identity.key_id
    payload |= {"issued_at": now_ms, "expires_at": now_ms + LIFETIME_SECONDS * 1000}
    body = orjson.dumps(payload)
    encoded = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    return f"{encoded}.{_signature(settings.WS_AUTH_SECRETS[0], body)}"


def read_token(token: object) -> Identity:
    """Whom this token names. Raises InvalidToken."""
    payload = _payload(token)
    agent_id, session_id = payload.get("agent_id"), payload.get("session_id")
    issued_at, expires_at = payload.get("issued_at"), payload.get("expires_at")
    if not isinstance(agent_id, str) or not agent_id:
        raise InvalidToken
    if not isinstance(issued_at, int) or not isinstance(expires_at, int):
        raise InvalidToken
    now_ms = time.time_ns() // 1_000_000
    if expires_at + CLOCK_SKEW_MS <= now_ms or issued_at - CLOCK_SKEW_MS > now_ms:
        raise InvalidToken
    return Identity(
        agent_id,
        session_id if isinstance(session_id, str) and session_id else None,
        str(payload.get("key_id", "")),
        expires_at,
    )


class Expiry:
    """Calls `end` when the token that a socket came in with counts no more."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, expires_at_ms: int | None) -> None:
        """This token, and no earlier one. None: there is none, so nothing ends."""
        self.forget()
        if expires_at_ms is not None:
            left = expires_at_ms + CLOCK_SKEW_MS - time.time_ns() // 1_000_000
            self._timer = asyncio.get_running_loop().call_later(left / 1000, self._end)

    def forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _payload(token: object) -> dict[str, Any]:
    """The payload of a token that one of our secrets signed."""
    if not isinstance(token, str) or token.count(".") != 1 or not token.isascii():
        raise InvalidToken
    encoded, signature = token.split(".")
    try:
        body = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise InvalidToken from None
    # Of several texts that decode to the same bytes only the one we made counts.
    if base64.urlsafe_b64encode(body).rstrip(b"=").decode() != encoded:
        raise InvalidToken
    good = [
        hmac.compare_digest(_signature(secret, body), signature)
        for secret in settings.WS_AUTH_SECRETS
    ]
    if not any(good):
        raise InvalidToken
    payload: dict[str, Any] = orjson.loads(body)
    return payload


def _signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
