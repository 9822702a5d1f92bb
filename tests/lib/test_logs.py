"""Log lines of every kind, made by hand."""

import contextvars
import io
import json
import logging

from dcm.lib.logs import JsonLines, Lines, begin_with, fields


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken:
    def about(self) -> dict[str, str]:
        raise RuntimeError("no idea")


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("dcm.test", logging.WARNING, __file__, 1, message, (), None)
    made.__dict__.update(fields(**extra))
    return made


def failure() -> logging.LogRecord:
    made = record("it failed (error id 0a1b2c3d4e5f)")
    try:
        raise ValueError("evil \x1b[2J text")
    except ValueError as error:
        made.exc_info = (ValueError, error, error.__traceback__)
    return made


def test_control_characters_are_shown_and_not_obeyed() -> None:
    line = Lines(io.StringIO()).format(record("a\nb\x1b[31m\u202e", sql="c\rd"))

    assert line.endswith(r"WARNING dcm.test: a\nb\x1b[31m\u202e [sql=c\rd]")
    assert "\x1b" not in Lines(io.StringIO()).format(failure())


def test_only_a_terminal_gets_colours() -> None:
    assert "\x1b[33mWARNING" in Lines(Terminal()).format(record("hot"))
    assert "\x1b" not in Lines(io.StringIO()).format(record("hot"))


def test_json_is_one_line_whatever_it_says() -> None:
    for made in (record('a\nb"\x00\ud800'), record("x", n=2**70), failure()):
        line = JsonLines().format(made)

        assert "\n" not in line
        assert json.loads(line)["level"] == "WARNING"
    assert "Traceback" in json.loads(JsonLines().format(failure()))["traceback"]


def test_a_subject_that_cannot_say_what_it_is_loses_no_line() -> None:
    broken = Broken()

    def line() -> str:
        begin_with(broken)
        return Lines(io.StringIO()).format(record("still here"))

    assert "still here" in contextvars.Context().run(line)
