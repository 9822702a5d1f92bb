"""Bodies of the hot endpoints: the same rules as `Input`, checked while the bytes are read."""

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import msgspec

from dcm.lib import wire
from dcm.lib.errors import ValidationFailed
from dcm.lib.fields import unalias

B = TypeVar("B", bound="Body")

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=wire.MAX_INT)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=wire.MAX_INT)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Body(msgspec.Struct, kw_only=True):
    """A request body: types are JSON's own, unknown keys are ignored.

    A field with a default is optional, and null counts as absent. Contract: rest R06.
    aliases: other names that clients use -> ours; ours wins. Contract: rest 7.
    """

    aliases: ClassVar[Mapping[str, str]] = {}


def read_body(kind: type[B], body: bytes) -> B:
    """The body as `kind`. Raises ValidationFailed, naming every bad field, and InvalidJson."""
    reader = _reader(kind)
    try:
        read = reader.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_slowly(kind, body)
    return _read_slowly(kind, body) if reader.needs_care(read, body) else read


class Reader(Generic[B]):
    """Of one kind of body, with what is known of it before any comes."""

    def __init__(self, kind: type[B]) -> None:
        self.decode = msgspec.json.Decoder(kind).decode
        self._strange = [b"\\u0000", *(name.encode() for name in kind.aliases)]
        fields = msgspec.structs.fields(kind)
        self._rich = [field.name for field in fields if _RICH.search(str(field.type))]

    def needs_care(self, read: B, body: bytes) -> bool:
        """Whether something is there that the decoder lets pass: rare, and cheap to rule out."""
        for strange in self._strange:
            if strange in body:
                return True
        return any(_is_odd(getattr(read, name), body) for name in self._rich)


_RICH = re.compile("UUID|dict|Any")
"""In the names of types: what _is_odd() looks into."""


def _is_odd(value: Any, body: bytes) -> bool:
    if isinstance(value, uuid.UUID):  # the decoder also takes 32 digits without a hyphen
        return str(value).encode() not in body
    # With few brackets nothing is deep.
    brackets = body.count(b"{") + body.count(b"[") if isinstance(value, dict) else 0
    return brackets > wire.DEEPEST and not wire.is_storable(value)


@cache
def _reader(kind: type[B]) -> Reader[B]:
    return Reader(kind)


def _read_slowly(kind: type[B], body: bytes) -> B:
    data = wire.load(body)
    if not isinstance(data, dict):
        raise ValidationFailed({})
    given = {name: _whole(value) for name, value in unalias(data, kind.aliases).items()}
    details = {}
    for field in msgspec.structs.fields(kind):
        if given.get(field.name) is None and not field.required:
            given.pop(field.name, None)
        elif problem := _problem(field, given):
            details[field.name] = [problem]
    if details:
        raise ValidationFailed(details)
    return msgspec.convert(given, kind)


def _whole(value: Any) -> Any:
    # JSON knows one kind of number: 1.0 is 1.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _problem(field: msgspec.structs.FieldInfo, given: dict[str, Any]) -> str | None:
    if field.name not in given:
        return "Required"
    value = given[field.name]
    if not wire.is_storable(value):
        return wire.UNSTORABLE
    try:
        read = msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        return str(error).split(" - at ", 1)[0]
    is_bad_id = isinstance(read, uuid.UUID) and wire.parse_uuid(value) is None
    return "Invalid UUID" if is_bad_id else None
