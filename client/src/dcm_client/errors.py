"""What can go wrong between the SDK and the server."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class DCMError(Exception):
    """Every error of this package."""


class ConnectionFailed(DCMError):
    """No answer came: refused, reset, timed out, or not from a DCM server."""


class StreamClosed(DCMError):
    """The stream of events is not open, or could not be opened again."""


class StreamRefused(DCMError):
    """The server did not do what the stream asked for. code: of its error frame, if it has one."""

    def __init__(self, error: str, code: str | None = None) -> None:
        self.error = error
        self.code = code
        super().__init__(f"{error} ({code})" if code else error)


class RequestRefused(DCMError):
    """The server answered with an error. details: field -> what is wrong with it."""

    def __init__(
        self, status: int, error: str, *, call: str = "", reply: Mapping[str, Any] | None = None
    ) -> None:
        self.status = status
        self.error = error
        self.reply = dict(reply or {})
        details = self.reply.get("details")
        self.details: dict[str, Sequence[str]] = details if isinstance(details, dict) else {}
        message = self.reply.get("message")
        self.message: str | None = message if isinstance(message, str) else None
        problems = [f"{name}: {', '.join(map(str, texts))}" for name, texts in self.details.items()]
        explained = "; ".join(problems) or self.message
        super().__init__(f"{call}: {status} {error}{f' ({explained})' if explained else ''}")


class ValidationFailed(RequestRefused):
    """400: the request breaks the contract."""


class NotAuthorized(RequestRefused):
    """401 or 403: no key, or one that does not allow this."""


class NotFound(RequestRefused):
    """404: no such row or route."""


class Conflict(RequestRefused):
    """409 or 412: it is there already, or was changed since."""


class Overloaded(RequestRefused):
    """429 or 503: try again later; the client already did, several times."""


class ServerFailed(RequestRefused):
    """Any other 5xx."""


_BY_STATUS: dict[int, type[RequestRefused]] = {
    400: ValidationFailed,
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    429: Overloaded,
    503: Overloaded,
}


def refusal(status: int, content: bytes, call: str) -> RequestRefused:
    """The error that a reply with this status tells."""
    try:
        reply = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        reply = None
    told = reply if isinstance(reply, dict) else {}
    error = str(told.get("error") or "no explanation")
    kind = _BY_STATUS.get(status, ServerFailed if status >= 500 else RequestRefused)
    return kind(status, error, call=call, reply=told)
