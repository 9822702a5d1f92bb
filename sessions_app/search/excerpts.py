"""The part of a text that shows why it was found."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connection

from dcm.lib.text_search import CONFIGURATION, LONGEST_WORD, word_spans

LENGTH = 240
BEFORE = 40
MOST_MATCHES = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an excerpt as it was stored, and whether it is a word that was looked for."""

    text: str
    is_match: bool


_MATCHING = f"""
SELECT word FROM unnest(%s::text[]) AS word
WHERE to_tsvector('{CONFIGURATION}', left(word, {LONGEST_WORD}))
      @@ websearch_to_tsquery('{CONFIGURATION}', %s)
"""  # noqa: S608  constants of ours


def excerpts(texts: Sequence[str], wanted: Collection[str]) -> list[list[Part]]:
    """Of each text the stretch with most of the wanted words, in whatever form they are there."""
    spans = [word_spans(text) for text in texts]
    words = {text[a:b] for text, own in zip(texts, spans, strict=True) for a, b in own}
    matching = _matching(words, wanted)
    return [
        _excerpt(text, [(a, b) for a, b in own if text[a:b] in matching])
        for text, own in zip(texts, spans, strict=True)
    ]


def _matching(words: Collection[str], wanted: Collection[str]) -> set[str]:
    any_of_them = " or ".join(f'"{word}"' for word in wanted)
    with connection.cursor() as cursor:
        cursor.execute(_MATCHING, [list(words), any_of_them])
        return {word for (word,) in cursor.fetchall()}


def _excerpt(text: str, matches: list[tuple[int, int]]) -> list[Part]:
    matches = matches[:MOST_MATCHES]
    begin = max(0, _densest(text, matches) - BEFORE)
    end = begin + LENGTH
    parts: list[Part] = []
    place = begin
    for start, matched in matches:
        if begin <= start < end:
            stop = min(matched, end)
            parts += [Part(text[place:start], False), Part(text[start:stop], True)]
            place = stop
    parts.append(Part(text[place:end], False))
    return [part for part in parts if part.text]


def _densest(text: str, matches: list[tuple[int, int]]) -> int:
    """Where the match is after which most different ones follow closely."""

    def variety(start: int) -> int:
        near = (
            text[a:b].lower() for a, b in matches if start <= a and b <= start + LENGTH - BEFORE
        )
        return len(set(near))

    return max((start for start, _ in matches), key=variety, default=0)
