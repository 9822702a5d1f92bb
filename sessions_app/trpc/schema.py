"""The input rules of procedures, and what a broken one is answered. Contract: coordinator 3.

All broken rules are told at once, in the order of the members, in the words that clients know.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dcm.lib.errors import DomainError
from sessions_app.trpc.frames import MISSING

Issue = dict[str, Any]
Path = list[str | int]
Rule = Callable[[Any, Path], list[Issue]]

UUID_PATTERN = (
    "([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
    "|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)"
)
MOST_ELEMENTS = 1_000
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class InvalidInput(DomainError):
    """Text: JSON of all the issues, indented, as zod writes it."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__(json.dumps(issues, indent=2, ensure_ascii=False))


@dataclass(frozen=True)
class Schema:
    """An object with these members, others ignored. optional: the input itself may be missing."""

    members: Mapping[str, Rule]
    optional: bool = False

    def read(self, value: Any) -> dict[str, Any]:
        """The known members that were given. Raises InvalidInput."""
        if value is MISSING and self.optional:
            return {}
        if not isinstance(value, dict):
            raise InvalidInput([_wrong_type("object", value, [])])
        issues = [
            issue
            for name, rule in self.members.items()
            for issue in rule(value.get(name, MISSING), [name])
        ]
        if issues:
            raise InvalidInput(issues)
        return {name: value[name] for name in self.members if name in value}


def optional(rule: Rule) -> Rule:
    """May be missing; null is not missing."""
    return lambda value, path: [] if value is MISSING else rule(value, path)


def any_text(value: Any, path: Path) -> list[Issue]:
    """A string; the database can hold neither U+0000 nor half a surrogate pair."""
    if not isinstance(value, str):
        return [_wrong_type("string", value, path)]
    if _UNSTORABLE.search(value):
        return [
            {
                "code": "custom",
                "path": path,
                "message": "Invalid input: U+0000 and lone surrogates cannot be stored",
            }
        ]
    return []


def some_text(value: Any, path: Path) -> list[Issue]:
    """A string of at least one character."""
    if value == "":
        return [
            {
                "origin": "string",
                "code": "too_small",
                "minimum": 1,
                "inclusive": True,
                "path": path,
                "message": "Too small: expected string to have >=1 characters",
            }
        ]
    return any_text(value, path)


def uuid_text(value: Any, path: Path) -> list[Issue]:
    """A UUID in its usual spelling, kept as it came."""
    if not isinstance(value, str):
        return [_wrong_type("string", value, path)]
    if not re.fullmatch(UUID_PATTERN, value):
        return [
            {
                "origin": "string",
                "code": "invalid_format",
                "format": "uuid",
                "pattern": f"/^{UUID_PATTERN}$/",
                "path": path,
                "message": "Invalid UUID",
            }
        ]
    return []


def one_of(*options: str) -> Rule:
    listed = "|".join(f'"{option}"' for option in options)
    issue = {"code": "invalid_value", "values": list(options)}
    message = f"Invalid option: expected one of {listed}"

    def rule(value: Any, path: Path) -> list[Issue]:
        fits = isinstance(value, str) and value in options
        return [] if fits else [{**issue, "path": path, "message": message}]

    return rule


def texts(value: Any, path: Path) -> list[Issue]:
    """An array of strings, so many at most that the list of issues stays readable."""
    if not isinstance(value, list):
        return [_wrong_type("array", value, path)]
    if len(value) > MOST_ELEMENTS:
        return [
            {
                "origin": "array",
                "code": "too_big",
                "maximum": MOST_ELEMENTS,
                "inclusive": True,
                "path": path,
                "message": f"Too big: expected array to have <={MOST_ELEMENTS} items",
            }
        ]
    return [issue for n, each in enumerate(value) for issue in any_text(each, [*path, n])]


def _wrong_type(expected: str, value: Any, path: Path) -> Issue:
    return {
        "expected": expected,
        "code": "invalid_type",
        "path": path,
        "message": f"Invalid input: expected {expected}, received {_type_name(value)}",
    }


def _type_name(value: Any) -> str:
    if value is MISSING:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")
