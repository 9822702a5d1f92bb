from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """check: what was looked at. advice: what to do about it."""

    check: str
    level: Level
    text: str
    advice: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check=check, level=Level.OK, text=text)


def warning(check: str, text: str, advice: str) -> Finding:
    return Finding(check=check, level=Level.WARNING, text=text, advice=advice)


def problem(check: str, text: str, advice: str) -> Finding:
    return Finding(check=check, level=Level.PROBLEM, text=text, advice=advice)
