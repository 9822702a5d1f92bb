"""tRPC frames: what a client's text asks for, and the texts that answer it.

Pure: no socket, no database. Everything is written with ASCII escapes, so that an id or a path that
holds half a surrogate pair comes back as it went in. Contract: coordinator 2.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from dcm.lib.errors import DomainError


class Missing:
    """What JavaScript calls undefined: the member is not there."""


MISSING: Final = Missing()
METHODS = frozenset({"query", "mutation", "subscription"})
RequestId = str | int | float


@dataclass(frozen=True)
class Ask:
    """What every request has. jsonrpc: its replies have to carry that member, too."""

    id: RequestId
    jsonrpc: bool


@dataclass(frozen=True)
class Call(Ask):
    method: str
    path: str
    input: Any  # MISSING when the caller passed nothing


@dataclass(frozen=True)
class Stop(Ask):
    """End the subscription of this id."""


class Unreadable(Exception):
    """A frame that is answered by one PARSE_ERROR with id null; nothing of it is carried out."""


# --- in ---------------------------------------------------------------------------------------


def parse_frame(text: str) -> list[Call | Stop]:
    """The requests of one text frame, in array order. Raises Unreadable."""
    value = parse_json(text)
    return [_request(element) for element in (value if isinstance(value, list) else [value])]


def parse_connection_params(text: str) -> dict[str, str]:
    """The parameters in the first frame of a client that has some. Raises Unreadable."""
    frame = parse_json(text)
    data = frame.get("data", MISSING) if isinstance(frame, dict) else MISSING
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(v, str) for v in data.values()):
        raise Unreadable("Invalid parameters: data must be null or an object of strings")
    return data


def parse_json(text: str) -> Any:
    """Strict JSON: no NaN, no Infinity, no depth that exhausts the parser. Raises Unreadable."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"Invalid JSON: {error}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _request(element: Any) -> Call | Stop:
    if not isinstance(element, dict):
        raise Unreadable("Not an object")
    request_id = _request_id(element.get("id"))
    if element.get("jsonrpc", "2.0") != "2.0":
        raise Unreadable("Must be JSONRPC 2.0")
    jsonrpc = "jsonrpc" in element
    method = element.get("method")
    if method == "subscription.stop":
        return Stop(request_id, jsonrpc)
    if not isinstance(method, str) or method not in METHODS:
        raise Unreadable("Invalid procedure type")
    params = element.get("params")
    if not isinstance(params, dict):
        raise Unreadable("Invalid params")
    path = params.get("path")
    if not isinstance(path, str):
        raise Unreadable("Invalid procedure path")
    return Call(request_id, jsonrpc, method, path, _input(params))


def _request_id(value: Any) -> RequestId:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str) or (number and math.isfinite(value)):
        return value  # type: ignore[no-any-return]
    raise Unreadable("Invalid request id")


def _input(params: dict[str, Any]) -> Any:
    """The input with `lastEventId` merged into it, as tRPC itself does."""
    given = params.get("input", MISSING)
    last_event_id = params.get("lastEventId", MISSING)
    if last_event_id is MISSING:
        return given
    if not isinstance(last_event_id, str):
        raise Unreadable("Invalid lastEventId")
    if given is MISSING or given is None:
        return {"lastEventId": last_event_id}
    return given | {"lastEventId": last_event_id} if isinstance(given, dict) else given


# --- out --------------------------------------------------------------------------------------


def dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def result_frame(ask: Ask, data: Any) -> str:
    """The answer to a query or mutation; `data` may be null."""
    return f'{_head(ask)}"result":{{"type":"data","data":{dump(data)}}}}}'


def event_frame(ask: Ask, event_id: int, data: str) -> str:
    """One event of a subscription; `data` is JSON already. The client resumes from the id."""
    return f'{_head(ask)}"result":{{"type":"data","id":"{event_id}","data":{data}}}}}'


def started_frame(ask: Ask) -> str:
    return f'{_head(ask)}"result":{{"type":"started"}}}}'


def stopped_frame(ask: Ask) -> str:
    return f'{_head(ask)}"result":{{"type":"stopped"}}}}'


def error_frame(call: Call, error: Exception) -> str:
    return f'{_head(call)}"error":{dump(error_envelope(error, path=call.path))}}}'


def unreadable_frame(error: Unreadable) -> str:
    return f'{{"id":null,"error":{dump(error_envelope(error))}}}'


RECONNECT_FRAME = '{"id":null,"method":"reconnect"}'
"""Asks the client to come back on another socket. This one must be closed right after it: if it
stays open, clients open one socket after another. Contract: coordinator 8."""


def _head(ask: Ask) -> str:
    jsonrpc = '"jsonrpc":"2.0",' if ask.jsonrpc else ""
    return f'{{"id":{dump(ask.id)},{jsonrpc}'


_CODES = {
    "PARSE_ERROR": (-32700, 400),
    "BAD_REQUEST": (-32600, 400),
    "UNAUTHORIZED": (-32001, 401),
    "FORBIDDEN": (-32003, 403),
    "NOT_FOUND": (-32004, 404),
    "PAYLOAD_TOO_LARGE": (-32013, 413),
    "TOO_MANY_REQUESTS": (-32029, 429),
    "INTERNAL_SERVER_ERROR": (-32603, 500),
    "SERVICE_UNAVAILABLE": (-32603, 503),
}
_NAMES = {status: name for name, (_, status) in _CODES.items() if name != "PARSE_ERROR"}


class NoProcedure(DomainError):
    """Nothing of that type at that path. Contract: coordinator 2.7."""

    status = 404

    def __init__(self, call: Call) -> None:
        super().__init__(f'No "{call.method}"-procedure on path "{call.path}"')


def error_envelope(error: Exception, *, path: str | None = None) -> dict[str, Any]:
    """{message, code, data: {code, httpStatus, path?}}; never a stack.

    An unknown row is an INTERNAL_SERVER_ERROR, since clients show it as one; what nobody foresaw
    says nothing of itself. Contract: coordinator 2.7, 5.3.
    """
    name, message = "INTERNAL_SERVER_ERROR", "Internal server error"
    if isinstance(error, Unreadable):
        name, message = "PARSE_ERROR", str(error)
    elif isinstance(error, NoProcedure):
        name, message = "NOT_FOUND", error.text
    elif isinstance(error, DomainError):
        name = _NAMES.get(error.status if error.status != 404 else 500, name)
        message = error.text
    code, status = _CODES[name]
    where = {} if path is None else {"path": path}
    return {"message": message, "code": code, "data": {"code": name, "httpStatus": status, **where}}
