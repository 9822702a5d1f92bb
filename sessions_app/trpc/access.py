"""Whom a tRPC socket speaks for, from its URL, its headers and its parameters.

Contract: coordinator 10, rows 4 to 6. A refusal is answered to every call: a bridge shows it then,
where a refused handshake would only make it try again.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from dcm.lib.errors import DomainError
from dcm.lib.keys.admission import key_in, keys_are_asked_for
from dcm.lib.keys.ring import ring
from realtime.access import AGENT
from realtime.tokens import InvalidToken, read_token
from sessions_app.services.coordinator import DEFAULT_SESSION, LONGEST_SESSION_ID
from sessions_app.trpc.procedures import Caller

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Admitted(NamedTuple):
    """key_id: of the key that it came in with, "" for none. expires_at_ms: of its token, if any."""

    caller: Caller
    key_id: str = ""
    expires_at_ms: int | None = None


class Unauthorized(DomainError):
    message = "Unauthorized: bring a valid key or token"
    status = 401


class SessionOfAnother(DomainError):
    message = "This token is for another session"
    status = 403


class TokenNeeded(DomainError):
    message = "This key is limited: bring a token for an agent and a session of it"
    status = 403


class TooManySockets(DomainError):
    message = "Too many sockets with this API key"
    status = 429


class InvalidSession(DomainError):
    message = f"Invalid session: at most {LONGEST_SESSION_ID} characters, none of them U+0000"


def url_parameters(query_string: bytes) -> dict[str, str]:
    """The query parameters; of a repeated one the first counts."""
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    return dict(reversed(pairs))


def header_token(headers: Mapping[bytes, bytes]) -> str:
    """The key or token in the headers of the handshake, or ""."""
    named = (headers.get(name, b"").decode("latin-1") for name in (b"x-api-key", b"authorization"))
    return key_in(*named)


async def identify(*, token: str, session: str) -> Admitted:
    """The caller with this key or token.

    session: the one that it names; "" is none. Raises Unauthorized, SessionOfAnother,
    InvalidSession, TokenNeeded.
    """
    if len(session) > LONGEST_SESSION_ID or _UNSTORABLE.search(session):
        raise InvalidSession
    if not token:
        if keys_are_asked_for():
            raise Unauthorized
        return Admitted(Caller(session or DEFAULT_SESSION))
    holder = await ring.find(token)
    if holder is not None:
        if holder.is_limited:
            raise TokenNeeded
        return Admitted(Caller(session or DEFAULT_SESSION), holder.key_id)
    return await _by_token(token, session)


async def _by_token(token: str, session: str) -> Admitted:
    try:
        identity = read_token(token)
    except InvalidToken:
        raise Unauthorized from None
    holder = await ring.caller_of(identity.key_id) if identity.key_id else AGENT
    if holder is None or not holder.may_act_as(identity.agent_id):
        raise Unauthorized
    if session and identity.session_id not in (None, session):
        raise SessionOfAnother
    if identity.session_id is None and holder.projects is not None:
        raise TokenNeeded
    session_id = session or identity.session_id or DEFAULT_SESSION
    caller = Caller(session_id, identity.agent_id)
    return Admitted(caller, identity.key_id, identity.expires_at_ms)
