"""Bodies of the hot endpoints: the same rules as `Input`, at a tenth of the price."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from dcm.lib import wire
from dcm.lib.errors import InvalidJson, ValidationFailed

B = TypeVar("B", bound="Body")
_decoders: dict[type["Body"], msgspec.json.Decoder[Any]] = {}

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=wire.MAX_INT)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=wire.MAX_INT)]


class Body(msgspec.Struct, kw_only=True):
    """A request body: types are JSON's own, unknown keys are ignored.

    A field that may be None is optional, and null counts as absent. Contract: rest R06.
    aliases: other names that clients use -> ours; ours wins. Contract: rest 7.
    """

    aliases: ClassVar[Mapping[str, str]] = {}


def read_body(kind: type[B], body: bytes) -> B:
    """The body as `kind`. Raises ValidationFailed, naming every bad field, and InvalidJson."""
    try:
        read = _decoder(kind).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_slowly(kind, body)
    # Neither is common, and both are cheap to rule out.
    if b"\\u0000" in body or any(name.encode() in body for name in kind.aliases):
        return _read_slowly(kind, body)
    return read


def _decoder(kind: type[B]) -> msgspec.json.Decoder[B]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]


def _read_slowly(kind: type[B], body: bytes) -> B:
    data = wire.load(body)
    if not isinstance(data, dict):
        raise ValidationFailed({})
    named = {kind.aliases[name]: data[name] for name in data if name in kind.aliases}
    data = {**named, **data}
    details = {}
    for field in msgspec.structs.fields(kind):
        if problem := _problem(field, data):
            details[field.name] = [problem]
    if details:
        raise ValidationFailed(details)
    try:
        return msgspec.convert(data, kind)
    except RecursionError:
        raise InvalidJson(message="nested too deeply") from None


def _problem(field: msgspec.structs.FieldInfo, data: dict[str, Any]) -> str | None:
    if field.name not in data:
        return "Required" if field.required else None
    value = data[field.name]
    try:
        msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        return str(error)
    return None if wire.is_storable(value) else "Must not contain U+0000"
