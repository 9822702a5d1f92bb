"""What the search says of messages: to whom, and their words without the JSON around them."""

import dataclasses
import re
from collections.abc import Sequence

from dcm.dashboard.selectors.rows import rows
from sessions_app.search import Part

_OPENING = re.compile(r'^\{"(?:message|text)": "')
_CLOSING = re.compile(r'"\}$')


_ADDRESSEES = """
SELECT id::text, left(to_agent, 600) AS addressee FROM messaging_message
WHERE id = ANY(%(ids)s::uuid[])
"""


def addressees(ids: Sequence[str]) -> dict[str, str | None]:
    """Message -> agent; None: everybody."""
    return {row["id"]: row["addressee"] for row in rows(_ADDRESSEES, ids=[*ids])}


def in_words(excerpt: Sequence[Part]) -> list[Part]:
    """Of {"message": text} and {"text": text} the text."""
    parts = list(excerpt)
    if parts and _OPENING.match(parts[0].text):
        parts[0] = dataclasses.replace(parts[0], text=_OPENING.sub("", parts[0].text))
        parts[-1] = dataclasses.replace(parts[-1], text=_CLOSING.sub("", parts[-1].text))
    return parts
