"""Frames of the native protocol, only parsed and built. Contract: websocket 3, 13."""

import time
from typing import Any

import orjson

Frame = dict[str, Any]


class BadFrame(Exception):
    """What came in is no frame; the text is for the client."""


def parse(frame: str | bytes) -> Frame:
    """The JSON object of a text or binary frame, any other value as {}. Raises BadFrame."""
    try:
        value = orjson.loads(frame)
    except orjson.JSONDecodeError:
        raise BadFrame("Failed to parse message") from None
    if value is None:
        raise BadFrame("Failed to parse message")
    return value if isinstance(value, dict) else {}


def connected(client_id: str) -> str:
    return _frame(type="connected", client_id=client_id)


def ack(number: Any, *, error: str | None = None) -> str:
    """The answer to a request with an id, or to an auth without (number None)."""
    told = {} if error is None else {"error": error}
    return _frame(type="ack", id=number, success=error is None, **told)


def pong(request: Frame) -> str:
    return _frame(type="pong", **_correlation(request))


def ping() -> str:
    return _frame(type="ping")


def error(text: str, code: str, request: Frame | None = None) -> str:
    return _frame(type="error", error=text, message=text, code=code, **_correlation(request or {}))


def _correlation(request: Frame) -> Frame:
    return {"id": request["id"]} if request.get("id") is not None else {}


def _frame(**members: Any) -> str:
    return orjson.dumps({**members, "timestamp": time.time_ns() // 1_000_000}).decode()
