"""Whom a tRPC socket speaks for, from its URL, its headers and its parameters.

Contract: coordinator 10, rows 4 to 6. A refusal is answered to every call: a bridge shows it then,
where a refused handshake would only make it try again.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from dcm.lib.errors import DomainError
from dcm.lib.keys.admission import key_in, keys_are_asked_for
from dcm.lib.keys.ring import ring
from realtime.tokens import InvalidToken, read_token
from sessions_app.services.coordinator import DEFAULT_SESSION, LONGEST_SESSION_ID
from sessions_app.trpc.procedures import Caller

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Unauthorized(DomainError):
    message = "Unauthorized: bring a valid key or token"
    status = 401


class SessionOfAnother(DomainError):
    message = "This token is for another session"
    status = 403


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


async def identify(*, token: str, session: str) -> Caller:
    """The caller with this key or token, and the session it names; "" is none.

    Raises Unauthorized, SessionOfAnother, InvalidSession.
    """
    if len(session) > LONGEST_SESSION_ID or _UNSTORABLE.search(session):
        raise InvalidSession
    if not token:
        if keys_are_asked_for():
            raise Unauthorized
        return Caller(session or DEFAULT_SESSION)
    if await ring.find(token) is not None:
        return Caller(session or DEFAULT_SESSION)
    try:
        identity = read_token(token)
    except InvalidToken:
        raise Unauthorized from None
    if session and identity.session_id not in (None, session):
        raise SessionOfAnother
    return Caller(session or identity.session_id or DEFAULT_SESSION, identity.agent_id)
