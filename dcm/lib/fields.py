"""What a body may hold and how a row looks, for DRF views. Contract: rest 1.2, 1.3.

`Input` and its fields keep to JSON's own types: "1" is no number, 1.5 no integer, and text is kept
as it came. `Output` presents a row.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, NoReturn, TypeVar, cast

from django.db.models import Model
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import SkipField, empty
from rest_framework.relations import PKOnlyObject

from dcm.lib import wire
from dcm.lib.errors import Details, ValidationFailed

M = TypeVar("M", bound=Model)


class Text(serializers.Field[str, Any, str, Any]):
    """A JSON string, kept as it came; no U+0000, which PostgreSQL cannot hold."""

    def __init__(
        self,
        *,
        allow_blank: bool = False,
        max_length: int | None = None,
        choices: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.allow_blank = allow_blank
        self.max_length = max_length
        self.choices = choices

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            _refuse("Expected a string")
        if not data and not self.allow_blank:
            _refuse("Must not be empty")
        if "\0" in data:
            _refuse("Must not contain U+0000")
        if self.max_length is not None and len(data) > self.max_length:
            _refuse(f"Must have at most {self.max_length} characters")
        if self.choices is not None and data not in self.choices:
            _refuse(f"Must be one of: {', '.join(self.choices)}")
        return data

    def to_representation(self, value: str) -> str:
        return value


class Integer(serializers.Field[int, Any, int, Any]):
    """A JSON integer of 32 bits: no fraction, no text, no boolean."""

    def __init__(self, *, least: int = -(2**31), most: int = wire.MAX_INT, **options: Any) -> None:
        super().__init__(**options)
        self.least = least
        self.most = most

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            data = int(data)  # JSON knows one kind of number: 1.0 is 1
        if not isinstance(data, int) or isinstance(data, bool):
            _refuse("Expected an integer")
        if not self.least <= data <= self.most:
            _refuse(f"Must be from {self.least} to {self.most}")
        return data

    def to_representation(self, value: int) -> int:
        return value


class Boolean(serializers.Field[bool, Any, bool, Any]):
    """A JSON boolean."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            _refuse("Expected a boolean")
        return data

    def to_representation(self, value: bool) -> bool:
        return value


class Uuid(serializers.Field[uuid.UUID, Any, str, Any]):
    def to_internal_value(self, data: Any) -> uuid.UUID:
        parsed = wire.parse_uuid(data)
        if parsed is None:
            _refuse("Invalid UUID")
        return parsed

    def to_representation(self, value: uuid.UUID) -> str:
        return str(value)


class Moment(serializers.Field[datetime, Any, str, Any]):
    """ISO 8601 with seconds and a zone in; milliseconds and Z out."""

    def to_internal_value(self, data: Any) -> datetime:
        moment = wire.parse_time(data)
        if moment is None:
            _refuse("Expected a timestamp like 2026-03-04T05:06:07Z")
        return moment

    def to_representation(self, value: datetime) -> str:
        return wire.wire_time(value)


class JsonObject(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """A JSON object."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            _refuse("Expected an object")
        if not wire.is_storable(data):
            _refuse(wire.UNSTORABLE)
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


class ListOf(serializers.ListField):
    """A JSON array whose elements are of one kind."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            _refuse("Expected an array")
        return super().to_internal_value(data)


def _refuse(text: str) -> NoReturn:
    raise serializers.ValidationError(text)


class Input(serializers.Serializer[Any]):
    """A request body. Null counts as absent where a field is optional. Contract: rest R06.

    aliases: other names that clients use -> ours; ours wins when both are there. Contract: rest 7.
    """

    aliases: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """The validated fields that were given. Raises ValidationFailed."""
        if not isinstance(data, dict):
            raise ValidationFailed({})
        try:
            return dict(_reader(cls).run_validation(cls.tidy(data)))
        except serializers.ValidationError as refused:
            raise ValidationFailed(flat_details(cast("Any", refused.detail))) from None

    @classmethod
    def tidy(cls, data: dict[str, Any]) -> dict[str, Any]:
        """`data` under our names, without the nulls of optional fields."""
        optional = {
            name
            for name, field in cls._declared_fields.items()
            if not field.required and not field.allow_null
        }
        return {
            name: value
            for name, value in unalias(data, cls.aliases).items()
            if value is not None or name not in optional
        }


@cache
def _reader(kind: type[Input]) -> Input:
    """Made once, as it keeps nothing of what it reads: DRF copies all fields for each body."""
    return kind()


def unalias(data: dict[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """`data` with what stands under an alias under our name, unless that has a value of its own."""
    named = {aliases[name]: value for name, value in data.items() if name in aliases}
    ours = {name: value for name, value in data.items() if value is not None or name not in named}
    return named | ours


def flat_details(errors: Mapping[str, Any]) -> Details:
    """field -> texts; the problems of an array's elements under the array's own name."""
    return {field: _texts(found) for field, found in errors.items()}


def _texts(found: Any) -> list[str]:
    if isinstance(found, ErrorDetail | str):
        return [str(found)]
    if isinstance(found, Mapping):
        return [text for inner in found.values() for text in _texts(inner)]
    return [text for inner in found for text in _texts(inner)]


Writer = Callable[[Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


_PLAIN: dict[type[Any], Writer] = {
    **dict.fromkeys((Text, Integer, Boolean, JsonObject), _as_it_is),
    **dict.fromkeys((serializers.CharField, serializers.ChoiceField), _as_it_is),
    **dict.fromkeys((serializers.IntegerField, serializers.FloatField), _as_it_is),
    **dict.fromkeys((serializers.BooleanField, serializers.JSONField), _as_it_is),
    **dict.fromkeys((Uuid, serializers.UUIDField), str),
    Moment: wire.wire_time,
}
"""Fields that write what a column of theirs holds without looking at their settings."""


class Output(serializers.ModelSerializer[M]):
    """A row on the wire: times with three digits and Z, ids in lower case."""

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        kind, options = super().build_standard_field(field_name, model_field)
        if issubclass(kind, serializers.DateTimeField):
            return Moment, {"read_only": True, "allow_null": model_field.null}
        return kind, options

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """As DRF does it, at a fraction of the price."""
        shown = {}
        for name, write in _writers_of(type(self)):
            try:
                shown[name] = write(instance)
            except SkipField:
                continue
        return shown


@cache
def _writers_of(output: type[Output[Any]]) -> list[tuple[str, Writer]]:
    """Made once: DRF makes the fields anew for each reply."""
    return [(name, _writer(field)) for name, field in output().fields.items()]


def _writer(field: Any) -> Writer:
    """From a row to what this field shows of it. The writer may raise SkipField."""
    inner = field.child if isinstance(field, serializers.ListField) else field
    plain = _PLAIN.get(type(inner))
    if inner is not field and plain is not _as_it_is:
        plain = None
    if plain is not None and len(field.source_attrs) == 1 and field.default is empty:
        read = attrgetter(field.source)

        def write_plain(row: Any) -> Any:
            value = read(row)
            return None if value is None else plain(value)

        return write_plain

    def write(row: Any) -> Any:
        value = field.get_attribute(row)
        is_null = (value.pk if isinstance(value, PKOnlyObject) else value) is None
        return None if is_null else field.to_representation(value)

    return write
