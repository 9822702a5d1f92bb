"""How pages write what they show. Whatever was recorded is data: it never becomes markup."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from dcm.lib.admin.text import disarmed

register = template.Library()

SIGNS = {
    "running": "●",
    "active": "●",
    "online": "●",
    "open": "●",
    "completed": "✓",
    "ok": "✓",
    "answered": "✓",
    "ended": "■",
    "working": "●",
    "idle": "○",
    "stale": "◌",
    "queued": "○",
    "injected": "●",
    "seen": "✓",
    "acknowledged": "✓",
    "dead": "✕",
    "failed": "✕",
    "blocked": "⊘",
    "paused": "‖",
    "waiting": "◔",
    "pending": "○",
    "offline": "○",
    "cancelled": "\u2013",
}
NONE = "\u2013"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@register.filter
def plain(value: object, longest: int = 120) -> SafeString:
    """One line of at most so many characters, isolated from the direction of what is around it."""
    text = value if isinstance(value, str) else "" if value is None else _dumped(value)
    return format_html("<bdi>{}</bdi>", bare(text, longest))


@register.filter
def bare(value: object, longest: int = 120) -> str:
    """The same for places that take no markup: titles, attributes, pictures."""
    text = "" if value is None else str(value)
    return " ".join(disarmed(text[:longest]).split()) + ("…" if len(text) > longest else "")


@register.filter
def piece(text: str) -> str:
    """Part of a line: the blanks at its ends are those between it and the next part."""
    return re.sub(r"\s+", " ", disarmed(text))


@register.filter
def block(value: object, longest: int = 4_000) -> SafeString:
    """The same with its line breaks."""
    text = value if isinstance(value, str) else "" if value is None else _dumped(value)
    more = f"\n… {len(text) - longest:,} more characters" if len(text) > longest else ""
    return format_html('<bdi class="block">{}{}</bdi>', disarmed(text[:longest]), more)


@register.filter
def named(agent_id: str, names: Mapping[str, str]) -> str:
    """The name that an agent joined with, where there is one."""
    return names.get(agent_id, agent_id)


@register.filter
def pretty(text: str) -> str:
    """JSON indented; any other text as it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _dumped(value) if isinstance(value, dict | list) else text


@register.simple_tag
def when(moment: datetime | None) -> str:
    """How long ago; exactly when, on hover. The page's script keeps it true."""
    if not moment:  # a template has "" for what is not there
        return NONE
    exact = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        exact,
        ago(timezone.now() - moment),
    )


def ago(past: timedelta) -> str:
    seconds = int(past.total_seconds())
    if seconds < 0:
        return f"in {_largest(-seconds)}"
    return "just now" if seconds < 5 else f"{_largest(seconds)} ago"


@register.filter
def duration(milliseconds: float | None) -> str:
    """`340 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`."""
    if milliseconds is None:
        return NONE
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1_000
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 20 else f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@register.filter
def seconds(number: float) -> str:
    return duration(1_000 * number)


@register.simple_tag
def between(start: datetime | None, end: datetime | None) -> str:
    """How long it took, or has taken until now."""
    if not start:
        return NONE
    return duration(max(0.0, ((end or timezone.now()) - start) / timedelta(milliseconds=1)))


@register.simple_tag
def status(name: str, text: str = "") -> SafeString:
    """A state by sign, colour and word."""
    known = name if name in SIGNS else "pending"
    return format_html(
        '<span class="status {}"><i aria-hidden="true">{}</i>{}</span>',
        known,
        SIGNS[known],
        text or disarmed(name[:40]),
    )


@register.filter
def count(number: int | None) -> str:
    return NONE if number is None else f"{number:,}"


@register.simple_tag
def query(**parameters: Any) -> str:
    """`?session=…` of those that have a value."""
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    return f"?{urlencode(given)}" if given else ""


def _largest(seconds: int) -> str:
    size, name = next((unit for unit in _UNITS if seconds >= unit[0]), (1, "s"))
    return f"{seconds // size} {name}"


def _dumped(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
