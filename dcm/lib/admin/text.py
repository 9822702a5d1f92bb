"""Values of any origin as text that only ever reads as text.

Templates escape HTML; what is left are characters that a browser or a terminal obeys.
"""

import json
import re
from typing import Any

IN_LISTS = 80
ON_PAGES = 20_000

# Control characters, ANSI escapes among them, and marks that turn the direction of what follows.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def inert(value: object, longest: int = IN_LISTS) -> str:
    """The value as text of at most `longest` characters, then how many are missing, if any.

    Characters that would be obeyed are written as \\u202e. In lists it is one line.
    """
    text = _as_text(value)
    missing = max(0, len(text) - longest)
    kept = disarmed(text[:longest])
    if longest <= IN_LISTS:
        return " ".join(kept.split()) + ("…" if missing else "")
    return kept + (f" … [{missing} more characters: export the row]" if missing else "")


def disarmed(text: str) -> str:
    """The same text with what would be obeyed written as \\u202e."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Title(str):
    """What names a row on its page. pk: of the row, for the page's own links."""

    __slots__ = ("pk",)
    pk: Any

    @classmethod
    def of(cls, row: Any) -> "Title":
        title = cls(inert(row.pk))
        title.pk = row.pk
        return title


def _as_text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode(errors="replace")
    if isinstance(value, dict | list):
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return str(value)
