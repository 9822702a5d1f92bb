"""One event of an agent host, as its hooks tell it. Pure; whatever a host may send is taken.

Hosts change what they send without notice, so a field of the wrong type counts as absent, and only
an event without a name or a session is refused.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.utils import timezone

from dcm.lib import wire
from dcm.lib.errors import InvalidJson, ValidationFailed

LONGEST_LABEL = 512
LONGEST_PATH = 2_000  # bytes; project paths are indexed, and an index entry has 2,700
LARGEST_TEXT = 10_240  # bytes
CUT = " … [cut]"
DEEPEST = 200


@dataclass(frozen=True, slots=True)
class HookEvent:
    """name: as in SessionStart. Readers return None for what is not there or of another type."""

    name: str
    session_id: str
    fields: Mapping[str, Any]

    def text(self, field: str) -> str | None:
        value = self.fields.get(field)
        return value if isinstance(value, str) and value else None

    def label(self, field: str) -> str | None:
        """An id or a name, which is never long."""
        return as_label(self.fields.get(field))

    def object(self, field: str) -> Mapping[str, Any]:
        value = self.fields.get(field)
        return value if isinstance(value, dict) else {}

    @property
    def cwd(self) -> str | None:
        value = self.text("cwd")
        return value if value and len(value.encode()) <= LONGEST_PATH else None

    @property
    def at(self) -> datetime:
        """When it happened: what is told of earlier keeps its time, the rest goes by our clock."""
        now, told = timezone.now(), wire.parse_time(self.text("timestamp"))
        return told if told is not None and now - _OLDEST < told < now - _LATELY else now

    @property
    def courier(self) -> Mapping[str, Any]:
        """What dcm-hook says of itself; empty for hosts that post themselves."""
        return self.object("dcm_hook")

    @property
    def is_spooled(self) -> bool:
        """Whether it waited for the server: then its host does not wait for the reply."""
        return self.courier.get("spooled") is True

    @property
    def is_late(self) -> bool:
        """Whether it is told of long after it happened, as when the server had been away."""
        return self.at < timezone.now() - _LATELY

    @property
    def duration_ms(self) -> int | None:
        value = self.fields.get("duration_ms")
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
        ):
            return None
        return int(value) if 0 <= value <= wire.MAX_INT else None

    @property
    def exit_code(self) -> int:
        """0 for a tool call that went well, else the code that its error names, or 1."""
        if self.name != "PostToolUseFailure":
            return 0
        found = _EXIT_CODE.search(self.text("error") or "")
        return (int(found[1]) if found else 0) or 1

    @property
    def file_paths(self) -> list[str]:
        """Each file that the tool was pointed at, once."""
        given = (self.object("tool_input").get(name) for name in _PATH_FIELDS)
        return list(dict.fromkeys(path for path in given if isinstance(path, str) and path))

    @property
    def output(self) -> str | None:
        """What the tool answered, or why it failed."""
        return as_text(self.fields.get("tool_response", self.fields.get("error")))


_EXIT_CODE = re.compile(
    r"\bexit(?:ed)?(?:\s+with)?(?:\s+(?:code|status))?[:\s]\s*(-?[0-9]{1,9})\b", re.IGNORECASE
)
_LATELY = timedelta(minutes=1)
_OLDEST = timedelta(days=3650)
_PATH_FIELDS = ("file_path", "notebook_path", "path")


def as_label(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_LABEL else None


def as_text(value: object) -> str | None:
    """A JSON value as text to keep: a string as it is, anything else as compact JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return cut(value)
    try:
        return cut(wire.dump(value).decode())
    except RecursionError:
        return "[nested too deeply]"


def cut(text: str, largest: int = LARGEST_TEXT) -> str:
    """The text, or its beginning and a mark: at most `largest` bytes of UTF-8."""
    if len(text) * 4 <= largest or len(encoded := text.encode()) <= largest:
        return text
    return encoded[: largest - len(CUT.encode())].decode(errors="ignore") + CUT


def shorten(value: Any, depth: int = 0) -> Any:
    """The JSON value with its long texts cut, at twice what is kept: so none ends in half a secret.

    What is nested too deeply to be looked through is told so.
    """
    if isinstance(value, str):
        return cut(value, 2 * LARGEST_TEXT)
    if not isinstance(value, list | dict):
        return value
    if depth == DEEPEST:
        return "[nested too deeply]"
    if isinstance(value, list):
        return [shorten(each, depth + 1) for each in value]
    return {name: shorten(each, depth + 1) for name, each in value.items()}


def read_hook_event(body: bytes) -> HookEvent:
    """Raises InvalidJson, and ValidationFailed without an object, an event name or a session."""
    fields = _load(body)
    if not isinstance(fields, dict):
        raise ValidationFailed({}, message="Expected a JSON object")
    missing = [
        name for name in ("hook_event_name", "session_id") if as_label(fields.get(name)) is None
    ]
    if missing:
        raise ValidationFailed(
            {name: [f"Expected a text of 1 to {LONGEST_LABEL} characters"] for name in missing}
        )
    return HookEvent(_name(fields), fields["session_id"], fields)


def _name(fields: Mapping[str, Any]) -> str:
    """The event by the name that Claude Code has for it."""
    told: str = fields["hook_event_name"]
    name = told[0].upper() + told[1:]  # some hosts write sessionStart
    response = fields.get("tool_response")
    if name == "AfterTool" and isinstance(response, dict) and response.get("error"):
        return "PostToolUseFailure"
    return _OTHER_NAMES.get(name, name)


_OTHER_NAMES = {  # Gemini CLI's
    "BeforeAgent": "UserPromptSubmit",
    "AfterAgent": "Stop",
    "BeforeTool": "PreToolUse",
    "AfterTool": "PostToolUse",
    "PreCompress": "PreCompact",
}


def _load(body: bytes) -> Any:
    if b"\\u0000" not in body:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # it may be one that can be mended
    try:
        return orjson.loads(_mended(body))
    except orjson.JSONDecodeError as error:
        raise InvalidJson(message=str(error)) from None


_ESCAPE = re.compile(
    r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"  # a pair of surrogates
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2}|u0000)|.)",
    re.DOTALL,
)


def _mended(body: bytes) -> str:
    """The JSON text with U+FFFD for what no database can hold: U+0000, half characters.

    JavaScript cuts strings between the two halves of a character, so hosts do send those.
    """
    text = body.decode(errors="replace").replace("\0", "\ufffd")
    return _ESCAPE.sub(lambda found: "\ufffd" if found[2] else found[0], text)
