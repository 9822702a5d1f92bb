"""Bars on lanes against time. Widths are percentages, so that a picture fits any screen."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LANE = 34
BAR_TOP, BAR_HEIGHT = 17, 11
LEAST_WIDTH = 0.4
TICKS = 5
MOST_LANES = 24


@dataclass(frozen=True, kw_only=True)
class Span:
    """What happened from start to end. tone: a status. url: where it leads, if anywhere."""

    lane: str
    start: datetime
    end: datetime
    tone: str
    title: str
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Bar:
    x: str
    width: str
    y: int
    tone: str
    title: str
    url: str


@dataclass(frozen=True)
class Lane:
    label: str
    text_y: int
    line_y: int
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """ticks: (place, how long after the beginning). hidden: lanes for which there is no room."""

    lanes: list[Lane]
    height: int
    ticks: list[tuple[str, timedelta]]
    hidden: int


def timeline(spans: Iterable[Span]) -> Timeline | None:
    """Lanes in the order in which they first appear; None when there is nothing to draw."""
    spans = list(spans)
    if not spans:
        return None
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    whole = max(end - start, timedelta(seconds=1))
    names = list(dict.fromkeys(span.lane for span in spans))
    lanes = {name: _lane(name, number) for number, name in enumerate(names[:MOST_LANES])}
    for span in spans:
        if lane := lanes.get(span.lane):
            lane.bars.append(_bar(span, start, whole, lane.line_y - LANE + BAR_TOP))
    return Timeline(
        lanes=list(lanes.values()),
        height=LANE * len(lanes) + 4,
        ticks=[(_percent(100 * n / TICKS), whole * n / TICKS) for n in range(TICKS)],
        hidden=len(names) - len(lanes),
    )


def _lane(name: str, number: int) -> Lane:
    top = LANE * number
    return Lane(label=name, text_y=top + 12, line_y=top + LANE)


def _bar(span: Span, start: datetime, whole: timedelta, y: int) -> Bar:
    width = max(LEAST_WIDTH, 100 * ((span.end - span.start) / whole))
    x = min(100 * ((span.start - start) / whole), 100 - LEAST_WIDTH)
    return Bar(
        x=_percent(x),
        width=_percent(min(width, 100 - x)),
        y=y,
        tone=span.tone,
        title=span.title,
        url=span.url,
    )


def _percent(number: float) -> str:
    return f"{number:.2f}%"
