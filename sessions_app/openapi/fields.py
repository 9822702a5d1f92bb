"""Fields of ours in the OpenAPI document."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from dcm.lib.openapi import (
    Json,
)
from sessions_app.serializers import (
    AnyMoment,
    Clamped,
    Counter,
    Flag,
    Position,
)

POSITION: Json = {
    "type": "string",
    "pattern": "^msg_[0-9a-z]+_[0-9]{1,18}$",
    "examples": ["msg_0f3a9c2b7d11_318"],
}
DIGITS: Json = {"type": "string", "pattern": "^[0-9]{1,9}$"}


class AnyMomentField(OpenApiSerializerFieldExtension):
    target_class = AnyMoment
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        about = "A timestamp, a date, or milliseconds since 1970."
        date = {"type": "string", "format": "date"}
        moment = {"type": "string", "format": "date-time"}
        ms = {"type": "number", "minimum": 0, "maximum": 4_102_444_800_000}
        return {"anyOf": [moment, date, ms], "description": about}


class CounterField(OpenApiSerializerFieldExtension):
    target_class = Counter
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        number = {"type": "integer", "minimum": self.target.least, "maximum": self.target.most}
        return {"anyOf": [number, DIGITS]}


class ClampedField(OpenApiSerializerFieldExtension):
    target_class = Clamped
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        number = {"type": "integer", "minimum": self.target.least, "maximum": self.target.most}
        about = f"Taken as {self.target.floor} to {self.target.ceiling}."
        return {"anyOf": [number, DIGITS], "description": about}


class PositionField(OpenApiSerializerFieldExtension):
    target_class = Position
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return POSITION


class FlagField(OpenApiSerializerFieldExtension):
    target_class = Flag
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"enum": [True, False, "true", "false"]}
