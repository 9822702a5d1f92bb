"""Secrets are taken out of what comes in, before it is stored. DCM_REDACT=off leaves them.

Decision 0012.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from dcm.lib.redaction import patterns

logger = logging.getLogger("dcm.redaction")

T = TypeVar("T", bound=str | None)
_MARKS = re.compile(patterns.MARKED)


def clean_text(text: T) -> T:
    """The text without its secrets, which are counted."""
    return _clean(patterns.redact_text, text) if text else text


def clean_value(value: Any) -> Any:
    """A JSON value without its secrets, which are counted."""
    return _clean(patterns.redact, value)


def clean_event(event: dict[str, Any]) -> dict[str, Any]:
    """A hook event without its secrets, which are counted."""
    clean: dict[str, Any] = _clean(patterns.redact_event, event)
    return clean


def without_marks(text: str) -> str:
    """What there is to learn from a text."""
    return _MARKS.sub("", text) if "[redacted:" in text else text


def _clean(redact: Callable[[Any], Any], value: Any) -> Any:
    if not settings.REDACT:
        return value
    clean = redact(value)
    # Equal, and told so at once, is what most values are.
    if clean is value or clean == value:
        return clean
    taken = _marks(clean)
    taken.subtract(_marks(value))
    _count(+taken)
    return clean


def _marks(value: Any) -> Counter[str]:
    if isinstance(value, str):
        return Counter(_MARKS.findall(value))
    if isinstance(value, list | dict):
        members = value.values() if isinstance(value, dict) else value
        return sum((_marks(each) for each in members), Counter())
    return Counter()


_ADD = """
INSERT INTO redaction_count AS known (kind, count)
SELECT kind, n FROM unnest(%s::text[], %s::bigint[]) AS taken(kind, n) ORDER BY kind
ON CONFLICT (kind) DO UPDATE SET count = known.count + excluded.count
"""


def _count(taken: Counter[str]) -> None:
    """After the commit, in a statement of its own: writers never wait for a counter of others."""
    transaction.on_commit(lambda: _add(taken), robust=True)


def _add(taken: Counter[str]) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [list(taken.keys()), list(taken.values())])
    except DatabaseError:
        logger.warning("%d secrets taken out were not counted", taken.total(), exc_info=True)
