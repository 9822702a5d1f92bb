"""Keeping to a number of tokens by leaving whole items out, the least relevant first.

Templates begin an item's line with its mark, which holds how relevant it is. Recorded text cannot
hold one: the characters of marks are not printable, and those are taken out of it.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from sessions_app.briefs.tokens import CHARACTERS_PER_TOKEN, count_tokens

__all__ = ["CHARACTERS_PER_TOKEN", "NOTICE", "Document", "estimate_tokens", "fit", "mark", "read"]

# The blank line keeps the rule from making the line above it a heading.
NOTICE = "\n\n---\n*Shortened to fit; ask for more with max_tokens.*"
_MARK = re.compile("\ue000([0-9]+)\ue001")
_MOST_NAMED = 6

estimate_tokens = count_tokens


def mark(relevance: float) -> str:
    """What an item's line begins with. relevance: 0 to 1."""
    return f"\ue000{round(1000 * relevance)}\ue001"


def relevance_of(marked: str) -> float:
    found = _MARK.match(marked)
    return int(found[1]) / 1000 if found else 1


@dataclass
class Line:
    """relevance: None for a line that always stays."""

    text: str
    relevance: float | None = None

    @property
    def cost(self) -> int:
        return count_tokens(self.text + "\n")


@dataclass
class Section:
    """A heading and the lines below it; the first section of a brief has its title."""

    heading: str = ""
    lines: list[Line] = field(default_factory=list)

    @property
    def name(self) -> str:
        return re.sub(r"\s*\(\d+\)$", "", self.heading.lstrip("# "))


@dataclass
class Document:
    """left_out: how many items of which section had to go. Whose text was read stays as it is."""

    sections: list[Section]
    left_out: dict[str, int] = field(default_factory=dict)
    notice: str = ""

    @cached_property
    def text(self) -> str:
        blocks = []
        for section in self.sections:
            body = "\n".join(line.text for line in section.lines)
            blocks.append("\n\n".join(filter(None, [section.heading, body])))
        return "\n\n".join(filter(None, blocks)) + (self.notice or "\n")

    @cached_property
    def tokens(self) -> int:
        return count_tokens(self.text)


def read(marked: str) -> Document:
    """A rendered template in its parts."""
    sections = [Section()]
    for raw in marked.splitlines():
        found = _MARK.match(raw.lstrip())
        line = _MARK.sub("", raw).strip()
        if line.startswith("#") and found is None:
            sections.append(Section(line))
        elif line:
            sections[-1].lines.append(Line(line, int(found[1]) / 1000 if found else None))
    return Document([section for section in sections if section.heading or section.lines])


def fit(marked: str, max_tokens: int) -> tuple[str, dict[str, int]]:
    """The text within this many tokens, and what had to be left out of it, by section."""
    document = fitted(read(marked), max_tokens)
    return document.text, document.left_out


def fitted(document: Document, max_tokens: int) -> Document:
    """The document itself when it fits, else what of it fits, most relevant first (C09).

    Lines that always stay are cut only when one takes about a quarter of the tokens or more.
    """
    if document.tokens <= max_tokens:
        return document
    whole = _with_shorter_lines(document, longest=max_tokens)
    ranked = _chosen(whole, max_tokens - _reserve(max_tokens))
    while True:
        shorter = _only(whole, ranked, max_tokens)
        if shorter.tokens <= max_tokens:
            return shorter
        if not ranked:
            return _walked(shorter, max_tokens)
        ranked.pop()  # costs of lines do not quite add up


def _reserve(max_tokens: int) -> int:
    """For the notice, and for naming what is missing."""
    return count_tokens(NOTICE) + (12 if max_tokens < _ENOUGH_TO_NAME else 45)


_ENOUGH_TO_NAME = 300


def _with_shorter_lines(document: Document, *, longest: int) -> Document:
    def shorter(line: Line) -> Line:
        if line.relevance is not None or len(line.text) <= longest:
            return line
        return Line(f"{line.text[: longest - 3]}...")

    return Document(
        [
            Section(each.heading, [shorter(line) for line in each.lines])
            for each in document.sections
        ]
    )


def _chosen(document: Document, max_tokens: int) -> list[Line]:
    """Items that fit beside the lines that always stay, most relevant first.

    The first item of a section also pays for the heading.
    """
    opened: set[int] = set()
    spent = 0
    items: list[tuple[float, int, Line]] = []
    for number, section in enumerate(document.sections):
        for line in section.lines:
            if line.relevance is None:
                spent += line.cost + _opening(section, number, opened)
            else:
                items.append((line.relevance, number, line))
    chosen = []
    for _, number, line in sorted(items, key=lambda item: -item[0]):
        section = document.sections[number]
        heading = 0 if number in opened else count_tokens(f"{section.heading}\n\n")
        if spent + line.cost + heading <= max_tokens:
            spent += line.cost + _opening(section, number, opened)
            chosen.append(line)
    return chosen


def _opening(section: Section, number: int, opened: set[int]) -> int:
    if number in opened:
        return 0
    opened.add(number)
    return count_tokens(f"{section.heading}\n\n")


def _only(document: Document, chosen: list[Line], max_tokens: int) -> Document:
    kept = {id(line) for line in chosen}
    sections, left_out = [], Counter[str]()
    for section in document.sections:
        lines = [line for line in section.lines if line.relevance is None or id(line) in kept]
        if lines:
            sections.append(Section(section.heading, lines))
        if len(lines) < len(section.lines):
            left_out[section.name] += len(section.lines) - len(lines)
    told = _told(left_out) if max_tokens >= _ENOUGH_TO_NAME else ""
    return Document(sections, dict(left_out), told + NOTICE)


def _told(left_out: Counter[str]) -> str:
    named = left_out.most_common(_MOST_NAMED)
    return "\n\nNot shown: " + ", ".join(f"{name} ({many})" for name, many in named)


def _walked(document: Document, max_tokens: int) -> Document:
    """The first lines that fit: for what is longer than any budget before its items begin."""
    room = max_tokens - count_tokens(NOTICE)
    sections: list[Section] = []
    for section in document.sections:
        kept = Section(section.heading)
        room -= count_tokens(f"{section.heading}\n\n")
        for line in section.lines:
            room -= line.cost
            if room < 0:
                break
            kept.lines.append(line)
        if kept.lines or (kept.heading and room >= 0):
            sections.append(kept)
        if room < 0:
            break
    lost = sum(len(each.lines) for each in document.sections) - sum(
        len(each.lines) for each in sections
    )
    return Document(sections, document.left_out | {"lines": lost}, NOTICE)
