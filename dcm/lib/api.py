"""How a view reads its input and writes its reply. Contract: rest 1.

`Input` and its fields validate a body, `Query` the query parameters, `Output` presents a row. They
keep to JSON's own types: "1" is no number, 1.5 no integer, and text is kept as it came.
"""

import logging
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse
from rest_framework import exceptions, serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from dcm.lib import wire
from dcm.lib.errors import (
    RETRY_AFTER_SECONDS,
    DatabaseUnavailable,
    Details,
    DomainError,
    InvalidQuery,
    NotFound,
    ValidationFailed,
    envelope,
)

logger = logging.getLogger("dcm.api")
M = TypeVar("M", bound=Model)


class AnyJsonParser(BaseParser):
    """JSON whatever the Content-Type says, as the original does. Contract: rest 1.1."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return wire.load(stream.read())


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        return b"" if data is None else wire.dump(data)


def json_response(data: Any, status: int = 200) -> HttpResponse:
    """The reply of an async view."""
    return HttpResponse(wire.dump(data), status=status, content_type="application/json")


# --- errors -----------------------------------------------------------------------------------


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's hook: the envelope for whatever a view raised."""
    body, status = error_reply(error, failure=failure_label(context["view"], context["request"]))
    response = Response(body, status=status)
    if status == 503:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def error_response(error: Exception, *, failure: str = "Internal Server Error") -> HttpResponse:
    """The same for async views and for the handler itself."""
    body, status = error_reply(error, failure=failure)
    response = json_response(body, status)
    if status == 503:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def error_reply(error: Exception, *, failure: str) -> tuple[dict[str, Any], int]:
    """Envelope and status. failure: the `error` text should this be an unexpected one."""
    if isinstance(error, DomainError):
        return envelope(error), error.status
    if isinstance(error, Http404 | exceptions.MethodNotAllowed | exceptions.NotFound):
        return envelope(NotFound()), 404
    if isinstance(error, exceptions.APIException):
        return {"error": str(error.detail)}, error.status_code
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("database unavailable: %s", error)
        return envelope(DatabaseUnavailable()), 503
    error_id = uuid.uuid4().hex[:12]
    logger.error("%s (error id %s)", failure, error_id, exc_info=error)
    kind = "Database error" if isinstance(error, DatabaseError) else "Unexpected error"
    return {"error": failure, "message": f"{kind}; see the log for {error_id}"}, 500


def failure_label(view: Any, request: Request) -> str:
    """The label of an unexpected error. Contract: rest 8.

    A viewset says its `noun` ("project"), a lone view its `failure`: one text, or one per method.
    """
    noun = getattr(view, "noun", None)
    labels = {
        "create": f"Failed to create {noun}",
        "list": f"Failed to fetch {noun}s",
        "retrieve": f"Failed to fetch {noun}",
        "partial_update": f"Failed to update {noun}",
        "destroy": f"Failed to delete {noun}",
    }
    labels |= getattr(view, "failures", {})
    name = getattr(view, "action", None) or (request.method or "").lower()
    return str(labels.get(name, getattr(view, "failure", "Internal Server Error")))


# --- input ------------------------------------------------------------------------------------


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
            _refuse("Must not contain U+0000")
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
        reader = cls(data=cls.tidy(data))
        if not reader.is_valid():
            raise ValidationFailed(flat_details(reader.errors))
        return dict(reader.validated_data)

    @classmethod
    def tidy(cls, data: dict[str, Any]) -> dict[str, Any]:
        """`data` under our names, without the nulls of optional fields."""
        named = {cls.aliases[name]: data[name] for name in data if name in cls.aliases}
        optional = {
            name
            for name, field in cls().fields.items()
            if not field.required and not field.allow_null
        }
        return {
            name: value
            for name, value in {**named, **data}.items()
            if value is not None or name not in optional
        }


def flat_details(errors: Mapping[str, Any]) -> Details:
    """field -> texts; the problems of an array's elements under the array's own name."""
    return {field: _texts(found) for field, found in errors.items()}


def _texts(found: Any) -> list[str]:
    if isinstance(found, ErrorDetail | str):
        return [str(found)]
    if isinstance(found, Mapping):
        return [text for inner in found.values() for text in _texts(inner)]
    return [text for inner in found for text in _texts(inner)]


class Output(serializers.ModelSerializer[M]):
    """A row on the wire: times with three digits and Z, ids in lower case."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
    }

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        kind, options = super().build_standard_field(field_name, model_field)
        if issubclass(kind, serializers.DateTimeField):
            return Moment, {"read_only": True, "allow_null": model_field.null}
        return kind, options


# --- query parameters and pages ---------------------------------------------------------------


class Query:
    """The query parameters of one request; of a repeated one the first counts. Contract: rest 1.1.

    Readers raise InvalidQuery for a value that cannot be meant; limits fall back instead (R11).
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        first = getattr(parameters, "getlist", None)
        self._values: dict[str, str] = {
            name: first(name)[0] if first else parameters[name] for name in parameters
        }

    def text(self, *names: str) -> str | None:
        """The first of these parameters that is there and not empty."""
        for name in names:
            value = self._values.get(name)
            if value:
                if "\0" in value:
                    raise InvalidQuery({name: ["Must not contain U+0000"]})
                return value
        return None

    def id(self, *names: str) -> uuid.UUID | None:
        for name in names:
            if value := self.text(name):
                parsed = wire.parse_uuid(value)
                if parsed is None:
                    raise InvalidQuery({name: ["Invalid UUID"]})
                return parsed
        return None

    def moment(self, name: str) -> datetime | None:
        value = self.text(name)
        # An unescaped "+" of an offset arrives as a blank.
        moment = wire.parse_time(value.replace(" ", "+")) if value else None
        if value and moment is None:
            raise InvalidQuery({name: ["Expected a timestamp like 2026-03-04T05:06:07Z"]})
        return moment

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """Strict: out of range or no integer is refused, and so is an empty value."""
        value = self._values.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,10}", value) or not least <= int(value) <= most:
            raise InvalidQuery({name: [f"Must be an integer from {least} to {most}"]})
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """Strict: only `true` and `false`."""
        value = self._values.get(name)
        if value is None:
            return default
        if value not in {"true", "false"}:
            raise InvalidQuery({name: ["Must be true or false"]})
        return value == "true"

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        value = self._values.get(name)
        if value is None:
            return default
        if value not in choices:
            raise InvalidQuery({name: [f"Must be one of: {', '.join(choices)}"]})
        return value

    def limit(self, default: int = 100, most: int = 100) -> int:
        """Lenient: the leading integer, lowered to `most`; anything else is the default (R11)."""
        return min(self._leading_integer("limit", default), most)

    def offset(self) -> int:
        return min(self._leading_integer("offset", 0), wire.MAX_INT)

    def _leading_integer(self, name: str, default: int) -> int:
        found = re.match(r"\s*\+?([0-9]+)", self._values.get(name, ""), re.ASCII)
        return min(int(found[1][:11]), wire.MAX_INT) if found else default


def path_uuid(value: str, name: str = "id") -> uuid.UUID:
    """A UUID from the path. Raises ValidationFailed. Contract: rest R04."""
    parsed = wire.parse_uuid(value)
    if parsed is None:
        raise ValidationFailed({name: ["Invalid UUID"]}, message="Invalid UUID")
    return parsed


def page(
    rows: QuerySet[M],
    query: Query,
    present: Callable[[Sequence[M]], Any],
    *,
    name: str,
    default: int = 100,
    total: bool = False,
) -> dict[str, Any]:
    """{name: [...], "count", "total"?, "limit", "offset"}. Contract: rest 1.4."""
    limit, offset = query.limit(default), query.offset()
    shown = list(rows[offset : offset + limit])
    counted = {"total": rows.count()} if total else {}
    return {name: present(shown), "count": len(shown), **counted, "limit": limit, "offset": offset}
