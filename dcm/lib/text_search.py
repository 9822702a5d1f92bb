"""Words of a text, for PostgreSQL's full-text search: one rule for indexes and queries.

Only what every PostgreSQL has: the parser, and the `english` dictionaries, which also take words of
other languages and identifiers as they are.
"""

import re

CONFIGURATION = "english"
LONGEST_WORD = 500
# What PostgreSQL's parser would take for parts of a path, host, number, tag or entity and keep in
# one piece, so that `users.py` is not found in `src/api/users.py`; and JSON's line break.
_JOINTS = (r"\n", "/", ".", "-", "+", "@", "<", "&")
_WORD = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")


def words_of(text: str, most: int) -> str:
    """SQL: the tsvector of this text expression. most: characters; what comes after is not found.

    Far below the megabyte that a tsvector may have, so that no text is too long to be stored.
    """
    parted = f"left({text}, {most})"
    for joint in _JOINTS:
        # Several replace() cost half of what one translate() does.
        parted = f"replace({parted}, '{joint}', '{' ' * len(joint)}')"
    return f"to_tsvector('{CONFIGURATION}', {parted})"


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text are, parted like those of an index."""
    return [found.span() for found in _WORD.finditer(text.replace(r"\n", "  "))]


def words_in(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]
