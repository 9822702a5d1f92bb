"""Query parameters and path ids. Contract: rest 1.1."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls.converters import StringConverter

from dcm.lib import wire
from dcm.lib.errors import InvalidQuery, ValidationFailed


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

    def given_text(self, name: str) -> str | None:
        """Also when it is empty, where "" means something."""
        return self.text(name) or self._values.get(name)

    def id(self, *names: str) -> uuid.UUID | None:
        """The first of these that is there; the others must be good all the same."""
        ids = {name: wire.parse_uuid(value) for name in names if (value := self.text(name))}
        if bad := [name for name, parsed in ids.items() if parsed is None]:
            raise InvalidQuery({name: ["Invalid UUID"] for name in bad})
        return next(iter(ids.values()), None)

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

    @staticmethod
    def given(**filters: Any) -> dict[str, Any]:
        """The filters that have a value."""
        return {name: value for name, value in filters.items() if value is not None}

    def limit(self, default: int = 100, most: int = 100) -> int:
        """Lenient: the leading integer, lowered to `most`; anything else is the default (R11)."""
        return min(self._leading_integer("limit", default), most)

    def offset(self) -> int:
        return min(self._leading_integer("offset", 0), wire.MAX_INT)

    def _leading_integer(self, name: str, default: int) -> int:
        found = re.match(r"\s*\+?([0-9]+)", self._values.get(name, ""), re.ASCII)
        return min(int(found[1][:11]), wire.MAX_INT) if found else default


class AnyText(StringConverter):
    """`<text:...>` in a route: ids that others made, slashes, line breaks and all."""

    regex = "(?s:.+)"


def path_uuid(value: str, name: str = "id") -> uuid.UUID:
    """A UUID from the path. Raises ValidationFailed. Contract: rest R04."""
    parsed = wire.parse_uuid(value)
    if parsed is None:
        raise ValidationFailed({name: ["Invalid UUID"]}, message="Invalid UUID")
    return parsed
