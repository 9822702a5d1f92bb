"""JSON as the contract writes and reads it. Contract: rest 1.3."""

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from dcm.lib.errors import InvalidJson

MAX_INT = 2**31 - 1
DEEPEST = 100
UNSTORABLE = f"Must not contain U+0000, nor more than {DEEPEST} levels"
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)


def wire_time(moment: datetime) -> str:
    """2026-03-04T05:06:07.089Z: UTC, exactly three digits."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ready:
    """A JSON text that goes into a larger one as it is."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _default(value: Any) -> Any:
    if isinstance(value, Ready):
        return orjson.Fragment(value.text)
    if isinstance(value, datetime):
        return wire_time(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dump(value: Any) -> bytes:
    """JSON bytes; datetimes as wire_time."""
    try:
        return orjson.dumps(value, _default, orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        # Stored JSON may hold integers beyond 64 bits, which orjson refuses to write.
        return json.dumps(value, default=_json_default, separators=(",", ":")).encode()


def _json_default(value: Any) -> Any:
    if isinstance(value, Ready):
        return json.loads(value.text)
    return str(value) if isinstance(value, uuid.UUID) else _default(value)


def load(body: bytes) -> Any:
    """The value of a JSON text. Raises InvalidJson, also for NaN, lone surrogates, bad UTF-8."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(message=str(error)) from None


def is_storable(value: Any) -> bool:
    """Whether a JSON value can be kept: no U+0000 anywhere, at most DEEPEST levels."""
    level = [value]
    for _ in range(DEEPEST):
        if any(isinstance(item, str) and "\0" in item for item in level):
            return False
        level = [inner for item in level for inner in _contents(item)]
        if not level:
            return True
    return False


def _contents(item: Any) -> Iterable[Any]:
    if isinstance(item, Mapping):
        return [*item, *item.values()]
    return item if isinstance(item, list) else []


def parse_uuid(value: object) -> uuid.UUID | None:
    """A UUID from its 8-4-4-4-12 text, any version, any case; else None. Contract: rest 1.3."""
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        parsed = uuid.UUID(value)
    except ValueError:
        return None
    return parsed if str(parsed) == value.lower() else None


def parse_time(value: object) -> datetime | None:
    """A moment from ISO 8601 text with seconds and a zone, as `Z` or `+hh:mm`; else None."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
