"""Words in which each app describes its routes, for the OpenAPI document.

An app's `openapi.py` gives every view an operation() and every reply a shape(). What all routes
share, such as the replies to bad input, is added in one place: `dcm.openapi`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, TypeVar, cast

import msgspec
from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import (
    Direction,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers

from dcm.lib.fields import Boolean, Input, Integer, JsonObject, Moment, Output, Text, Uuid

V = TypeVar("V")
Json = dict[str, Any]

STRING: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
UUID: Json = {"type": "string", "format": "uuid"}
TIME: Json = {"type": "string", "format": "date-time"}
FLAG: Json = {"type": "boolean"}
OBJECT: Json = {"type": "object", "additionalProperties": {}}
NO_UPDATE = {400: "No update fields provided"}
ERROR: Json = {"$ref": "#/components/schemas/Error"}


class ApiSchema(AutoSchema):
    """Says only what operation() says: docstrings are for readers of the code."""

    def get_description(self) -> str:  # type: ignore[override]  # as in spectacular
        return ""


Status = int | tuple[int, str]
MEANINGS: dict[Status, str] = {201: "Created", 204: "Done; the reply is empty"}


def operation(
    name: str,
    summary: str,
    *,
    tag: str,
    replies: Mapping[Status, Any],
    errors: Mapping[int, str] | None = None,
    body: Any = None,
    parameters: Collection[OpenApiParameter] = (),
    description: str | None = None,
) -> Callable[[V], V]:
    """Describe a view: a method of a class, or an async view.

    name: unique in the document. replies: status, or status and content type when that is not
    JSON, -> shape, or None for an empty body.
    errors: status -> the `error` text, beyond the errors that every route has.
    body: an `Input`, a `Body` or a JSON schema.
    """
    told = {status: OpenApiResponse(ERROR, text) for status, text in (errors or {}).items()}
    decorate = extend_schema(
        operation_id=name,
        summary=summary,
        description=description,
        tags=[tag],
        parameters=list(parameters),
        request=None if body is None else {"application/json": body},
        responses={status: _reply(status, shown) for status, shown in replies.items()} | told,
    )
    return cast("Callable[[V], V]", decorate)


def _reply(status: Status, shown: Any) -> OpenApiResponse:
    meaning = MEANINGS.get(status, "OK")
    return shown if isinstance(shown, OpenApiResponse) else OpenApiResponse(shown, meaning)


def shape(name: str, /, **fields: Any) -> Any:
    """A serializer that only describes an object, whose keys are all there unless not required."""
    made = type(name, (serializers.Serializer,), fields)
    return extend_schema_serializer(many=False, component_name=name)(made)


def in_query(
    name: str, schema: Json, about: str, *, required: bool = False, **more: Any
) -> OpenApiParameter:
    return OpenApiParameter(
        name, {**schema, **more}, OpenApiParameter.QUERY, required=required, description=about
    )


def in_path(name: str, schema: Json, about: str) -> OpenApiParameter:
    least = {} if "format" in schema else {"minLength": 1}
    return OpenApiParameter(
        name, {**schema, **least}, OpenApiParameter.PATH, required=True, description=about
    )


def own_id(noun: str) -> list[OpenApiParameter]:
    return [in_path("id", UUID, f"The {noun}.")]


def in_header(name: str, about: str, **schema: Any) -> OpenApiParameter:
    return OpenApiParameter(name, {**STRING, **schema}, OpenApiParameter.HEADER, description=about)


def reply_header(name: str, about: str, statuses: list[int], **schema: Any) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {**STRING, **schema},
        OpenApiParameter.HEADER,
        description=about,
        response=cast("list[int | str]", statuses),
    )


def limits(default: int = 100, most: int = 100) -> OpenApiParameter:
    about = f"How many rows, {most} at most; whatever is no number counts as {default}."
    return in_query("limit", COUNT, about, default=default)


OFFSET = in_query("offset", COUNT, "Rows to skip; whatever is no number counts as 0.", default=0)
PAGE = [limits(), OFFSET]


def next_page(example: str) -> OpenApiParameter:
    """The cursor of a list, whose form is its own affair."""
    about = "`next_cursor` of the page before this one."
    return in_query("cursor", STRING, about, examples=[example])


CURSOR = next_page(
    "WyIyMDI2LTAzLTA0VDA1OjA2OjA3LjA4OTAwMCswMDowMCIsIj"
    "BiN2M5ZjdlLTVhNTQtNGE1My05YTBlLTBjNmY1ZjlkMWIxMSJd"
)
SINCE = in_query("since", TIME, "Not before this moment.")
UNTIL = in_query("until", TIME, "Before this moment.")


def page_of(name: str, plural: str, row: Any, *, total: bool = False, cursor: bool = False) -> Any:
    """The shape of a list's reply. Contract: rest 1.4."""
    fields: dict[str, Any] = {plural: row(many=True), "count": serializers.IntegerField()}
    if total:
        fields["total"] = serializers.IntegerField()
    fields |= {"limit": serializers.IntegerField(), "offset": serializers.IntegerField()}
    if cursor:
        fields["next_cursor"] = serializers.CharField(allow_null=True)
    return shape(name, **fields)


def success() -> serializers.Field[Any, Any, Any, Any]:
    return serializers.BooleanField(help_text="Always true.")


def nullable(schema: Json) -> Json:
    """The schema, or null."""
    if isinstance(schema.get("type"), str) and "null" not in schema["type"]:
        enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return {**schema, "type": [schema["type"], "null"], **enum}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {"anyOf": [schema, {"type": "null"}]}


# --- our fields -------------------------------------------------------------------------------


class TextField(OpenApiSerializerFieldExtension):
    target_class = Text
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        schema = dict(STRING)
        if self.target.choices is not None:
            return {**schema, "enum": list(self.target.choices)}
        if direction == "request" and not self.target.allow_blank:
            schema["minLength"] = 1
        if self.target.max_length is not None:
            schema["maxLength"] = self.target.max_length
        return schema


class IntegerField(OpenApiSerializerFieldExtension):
    target_class = Integer
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"type": "integer", "minimum": self.target.least, "maximum": self.target.most}


class BooleanField(OpenApiSerializerFieldExtension):
    target_class = Boolean
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return dict(FLAG)


class UuidField(OpenApiSerializerFieldExtension):
    target_class = Uuid

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return dict(UUID)


class MomentField(OpenApiSerializerFieldExtension):
    target_class = Moment
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return dict(TIME)


class ObjectField(OpenApiSerializerFieldExtension):
    target_class = JsonObject

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return dict(OBJECT)


class StoredObjectField(OpenApiSerializerFieldExtension):
    """JSON columns of ours hold objects."""

    target_class = serializers.JSONField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return dict(OBJECT)


# --- our serializers --------------------------------------------------------------------------


class OutputSchema(OpenApiSerializerExtension):
    """A row has all its keys, always."""

    target_class = Output
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str:
        return _class_of(self.target).__name__.removesuffix("Output")

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        schema: Json = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        fields = force_instance(self.target).fields
        properties = {
            name: _as_shown(each, fields[name]) for name, each in schema["properties"].items()
        }
        described = _described(_class_of(self.target))
        return {**described, "type": "object", "properties": properties, "required": [*properties]}


_OF_INPUT = ("readOnly", "default", "maxLength", "minimum", "maximum")


def _as_shown(schema: Json, field: Any) -> Json:
    shown = {key: value for key, value in schema.items() if key not in _OF_INPUT}
    return nullable(shown) if field.default is None else shown


class InputSchema(OpenApiSerializerExtension):
    """Null counts as absent where a field is optional."""

    target_class = Input
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        schema: Json = auto_schema._map_serializer(self.target, "request", bypass_extensions=True)
        kind = cast("type[Input]", _class_of(self.target))
        return _body(schema, kind.aliases)


class UpdateSchema(InputSchema):
    """Of a body that has to change something. some_of: the fields, and what makes them count."""

    target_class: Any = None
    priority = 1
    some_of: ClassVar[Mapping[str, Json]]

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        one = [
            {"required": [name], **({"properties": {name: rule}} if rule else {})}
            for name, rule in self.some_of.items()
        ]
        return super().map_serializer(auto_schema, direction) | {"anyOf": one}


class BodySchema(OpenApiSerializerExtension):
    """The bodies of the hot endpoints, by the same rules."""

    target_class = "dcm.lib.body.Body"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str:
        return _class_of(self.target).__name__

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        kind = _class_of(self.target)
        _, components = msgspec.json.schema_components([kind])
        schema = components[kind.__name__]
        schema["properties"] = {
            name: _without_null(each) for name, each in schema["properties"].items()
        }
        return _body(schema, kind.aliases)


def _without_null(schema: Json) -> Json:
    """msgspec's schema of an optional field, before we say our own way that it may be null."""
    of_value = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    kinds = [kind for kind in of_value.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else of_value


def _body(schema: Json, aliases: Mapping[str, str]) -> Json:
    """Aliases are told in words: who writes a client anew needs one name for each thing."""
    required = schema.get("required", [])
    properties = {
        name: each if name in required else nullable(each)
        for name, each in schema["properties"].items()
    }
    names = ", ".join(f"`{alias}` for `{name}`" for alias, name in aliases.items())
    described = {"description": f"Other names are understood, too: {names}."} if names else {}
    needed = {"required": required} if required else {}
    return {**described, "type": "object", "properties": properties, **needed}


def _class_of(target: Any) -> type[Any]:
    return target if isinstance(target, type) else type(target)


def _described(kind: type[Any]) -> Json:
    own = vars(kind).get("__doc__")
    return {"description": " ".join(own.split())} if own else {}
