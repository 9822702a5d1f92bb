"""What goes to the terminal: tables and texts for people, JSON for programs.

Texts come from agents, who may be told anything by anybody: no control sequence of theirs gets
through, and a line of a list stays one line.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import msgspec
import typer

OK, PROBLEM, USAGE, NO_SERVER, NO_KEY, INTERRUPTED = 0, 1, 2, 3, 4, 130

# Controls but tab and line feed, and the marks that change the direction of what follows.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def clean(text: object) -> str:
    """The text with U+FFFD for whatever a terminal would obey."""
    return _UNSAFE.sub("\ufffd", str(text).replace("\r\n", "\n"))


def line(text: object) -> str:
    """The same on one line."""
    return " ".join(clean(text).split())


def say(text: str = "") -> None:
    """Print a text that may be of anybody."""
    typer.echo(clean(text))


def complain(text: str) -> None:
    typer.echo(f"dcm: {line(text)}", err=True)


def give_up(text: str, code: int = PROBLEM) -> NoReturn:
    """One line that tells what is wrong and what to do."""
    complain(text)
    raise typer.Exit(code)


def show_json(value: Any) -> None:
    """As one JSON document, in ASCII: nothing in it can be a control."""
    typer.echo(json.dumps(msgspec.to_builtins(value), indent=2))


def show_json_line(value: Any) -> None:
    typer.echo(json.dumps(msgspec.to_builtins(value)))


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """empty: what to say when there are no rows."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(line("" if cell is None else cell)) for cell in row))
    if not table.rows:
        say(empty)
        return
    # Of what another program reads nothing is folded.
    width = None if sys.stdout.isatty() else 1_000
    Console(highlight=False, width=width).print(table)


def ago(moment: datetime | None) -> str:
    """How long ago, in the largest unit that fits."""
    if moment is None:
        return ""
    seconds = max(0, round((datetime.now(UTC) - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{seconds}s ago"
