"""How log lines look: JSON for machines, text for people; each says which request it is about.

`extra=fields(ms=1200)` adds values of their own to a line.
"""

import logging
import re
import weakref
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

from dcm.lib import wire

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LONGEST = 200
COLOURS = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


class Subject(Protocol):
    """What is being worked on: a request, or a socket."""

    def about(self) -> dict[str, str]:
        """request_id, agent and session, as far as they are known."""


subject: ContextVar["weakref.ref[Subject] | None"] = ContextVar("subject", default=None)
"""Only asked when there is something to log, so that it costs next to nothing.

Weak: timers and tasks keep a copy of their context, and must not keep a request with its body.
"""


def begin_with(one: Subject) -> None:
    """From here on, log lines of this task are about this."""
    subject.set(weakref.ref(one))


def fields(**values: Any) -> dict[str, Any]:
    return {"fields": values}


class Lines(logging.Formatter):
    """One line for each record; control characters are shown, so that none is obeyed."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._coloured = stream.isatty()

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage()
        values = " ".join(f"{name}={value}" for name, value in _values(record).items())
        level = f"{record.levelname:<7}"
        if self._coloured:
            level = f"\x1b[{COLOURS.get(record.levelname, '0')}m{level}\x1b[0m"
        line = f"{self.formatTime(record)} {level} {record.name}: {shown(said)}"
        if values:
            line += f" [{shown(values)}]"
        return "\n".join([line, *map(shown, _trace(self, record).splitlines())])


class JsonLines(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **_values(record),
        }
        trace = _trace(self, record)
        if trace:
            line["traceback"] = trace
        return wire.dump(line).decode()


def shown(text: str) -> str:
    """The text with its control characters in writing."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def _values(record: logging.LogRecord) -> dict[str, Any]:
    known = subject.get()
    current = known() if known is not None else None
    try:
        about = current.about() if current is not None else {}
    except Exception:  # noqa: BLE001  whatever is wrong with a request, its line is not lost
        about = {}
    cut = {name: value[:LONGEST] for name, value in about.items() if value}
    return cut | getattr(record, "fields", {})


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
