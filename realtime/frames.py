"""Frames of the native protocol, only parsed and built. Contract: websocket 3, 13."""

import time
from typing import Any, ClassVar

import orjson

from dcm.lib.errors import DomainError

Frame = dict[str, Any]
LONGEST_QUOTE = 200


class Refused(DomainError):
    """A request that is not carried out. code: of the error frame."""

    code: ClassVar[str]


class Unreadable(Refused):
    message = "Failed to parse message"
    code = "PARSE_ERROR"


class UnknownType(Refused):
    """Text: `Unknown message type: sing`."""

    code = "UNKNOWN_MESSAGE_TYPE"


def parse(frame: str | bytes) -> Frame:
    """The JSON object of a text or binary frame; {} for other values. Raises Unreadable."""
    try:
        value = orjson.loads(frame)
    except orjson.JSONDecodeError:
        raise Unreadable from None
    if value is None:
        raise Unreadable
    return value if isinstance(value, dict) else {}


def quote(request: Frame, key: str) -> str:
    """What a request says there, for an error text; as the original's clients know it."""
    value = request.get(key)
    if key not in request:
        return "undefined"
    if isinstance(value, str):
        return value[:LONGEST_QUOTE]
    return type(value).__name__ if isinstance(value, dict | list) else orjson.dumps(value).decode()


def number_of(request: Frame) -> Any:
    """The `id` that the answer repeats: any scalar; None when there is none."""
    number = request.get("id")
    return number if isinstance(number, str | int | float) else None


def connected_frame(client_id: str, report: Frame) -> str:
    """report: whether what the client has missed is replayed; {} when it did not ask."""
    return _frame(type="connected", client_id=client_id, **report)


def ack_frame(request: Frame, report: Frame | None = None) -> str:
    return _frame(type="ack", id=number_of(request), success=True, **(report or {}))


def failure_frame(request: Frame, error: DomainError) -> str:
    """The ack of a request with an id that was refused."""
    return _frame(type="ack", id=number_of(request), success=False, error=error.text)


def pong_frame(request: Frame) -> str:
    return _frame(type="pong", **_correlation(request))


def ping_frame() -> str:
    return _frame(type="ping")


def error_frame(error: DomainError, request: Frame) -> str:
    code = getattr(error, "code", "UNAVAILABLE" if error.status == 503 else "INTERNAL_ERROR")
    return _frame(
        type="error", error=error.text, message=error.text, code=code, **_correlation(request)
    )


def _correlation(request: Frame) -> Frame:
    number = number_of(request)
    return {} if number is None else {"id": number}


def _frame(**members: Any) -> str:
    return orjson.dumps({**members, "timestamp": time.time_ns() // 1_000_000}).decode()
