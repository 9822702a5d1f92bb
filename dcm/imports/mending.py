"""What the original stored oddly, as it was meant. Contract: rest R09."""

import json
import math
import zlib
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, TypeVar

from dcm.lib import wire

T = TypeVar("T")
MOST_TEXT_BYTES = 16 * 2**20
_GZIP = b"\x1f\x8b"  # no UTF-8 text begins with these
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Mender:
    """Reads the columns of one row. mended: whether one of them was not as it should be."""

    def __init__(self) -> None:
        self.mended = False

    def mapping(self, text: str | None) -> dict[str, Any]:
        """The JSON object that a column holds, however often it was encoded; {} for null.

        An array of objects is what updates made of them: they are merged, later keys win.
        """
        value = self._value(text)
        if isinstance(value, dict):
            return value
        if isinstance(value, list):
            parts = [self._value(each) if isinstance(each, str) else each for each in value]
            merged = {key: part[key] for part in parts if isinstance(part, dict) for key in part}
            return self._instead(merged)
        return {} if value is None else self._instead({"value": value})

    def mapping_or_none(self, text: str | None) -> dict[str, Any] | None:
        return None if self._value(text) is None else self.mapping(text)

    def content(self, text: str | None) -> dict[str, Any]:
        """Of a message: a mere text becomes what the API makes of it. Contract: rest 5.10."""
        value = self._value(text)
        return {"message": value} if isinstance(value, str) else self.mapping(text)

    def text(self, stored: bytes | None) -> str | None:
        """A text that was kept as bytes, long ones compressed; at most MOST_TEXT_BYTES of it."""
        if stored is None:
            return None
        plain = self._unpacked(stored) if stored.startswith(_GZIP) else stored
        try:
            text = plain.decode()
        except UnicodeDecodeError:
            text = self._instead(plain.decode(errors="replace"))
        return self._instead(text.replace("\0", _REPLACEMENT)) if "\0" in text else text

    def choice(self, value: str | None, choices: Collection[str], otherwise: str) -> str:
        """The value, if it is one of these."""
        return value if value is not None and value in choices else self._instead(otherwise)

    def choice_or_none(self, value: str | None, choices: Collection[str]) -> str | None:
        return None if value is None else self.choice(value, choices, "") or None

    def number(self, value: int | None, least: int = 0, most: int = wire.MAX_INT) -> int:
        """The number, moved into this range; `least` for none."""
        moved = least if value is None else min(max(value, least), most)
        return moved if moved == value else self._instead(moved)

    def moment(self, value: str | None) -> str:
        """That moment; now, where none is told."""
        return self._instead(datetime.now(UTC).isoformat()) if value is None else value

    def texts(self, values: Collection[str | None] | None) -> list[str]:
        """Those of them that are texts."""
        found = [value for value in values or () if isinstance(value, str)]
        return found if len(found) == len(values or ()) else self._instead(found)

    def real(self, value: float | None, least: float, most: float, otherwise: float) -> float:
        """The same for fractions."""
        if value is None or math.isnan(value):
            return self._instead(otherwise)
        moved = float(min(max(value, least), most))
        return moved if moved == value else self._instead(moved)

    def _value(self, text: str | None) -> Any:
        value = None if text is None else _loaded(text)
        while isinstance(value, str) and value.startswith(("{", "[", '"', "null")):
            try:
                value = _loaded(value)
            except ValueError:
                break
            self.mended = True
        return value if wire.is_storable(value) else self._instead(None)

    def _unpacked(self, stored: bytes) -> bytes:
        unpacking = zlib.decompressobj(wbits=31)
        try:
            plain = unpacking.decompress(stored, MOST_TEXT_BYTES)
        except zlib.error:
            return self._instead(stored)
        return plain if unpacking.eof else self._instead(plain)

    def _instead(self, value: T) -> T:
        self.mended = True
        return value


def _finite(digits: str) -> float | str:
    """JSON has numbers of any size, and no infinity."""
    number = float(digits)
    return number if math.isfinite(number) else digits


_loaded = json.JSONDecoder(parse_float=_finite).decode
