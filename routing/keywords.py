"""Keywords of a tool's input. Contract: rest 6.1."""

import re
from collections import Counter
from itertools import pairwise

MOST = 10
_WORD = re.compile(r"[a-z0-9_-]+")
_RUN = re.compile(r"[a-z0-9_-]+(?: +[a-z0-9_-]+)+")
_FILLERS = """
  the a an is are was were be been being have has had do does did will would could should may
  might must shall can to of in for on with at by from as or and but if then else when where how
  all each every both few more most other some such no nor not only own same so than too very
  just also now here there this that these those file path true false null undefined error ok
"""
_STOP_WORDS = frozenset(_FILLERS.split())


def extract_keywords(text: str) -> list[str]:
    """The up to ten most frequent words of 3 to 29 characters, ties in order of appearance."""
    # Only ASCII counts: any other letter parts words, as in the original.
    counts = Counter(_WORD.findall(text.lower()))
    words = [word for word in counts if _is_keyword(word)]
    return sorted(words, key=counts.__getitem__, reverse=True)[:MOST]


def _is_keyword(word: str) -> bool:
    return 3 <= len(word) <= 29 and word not in _STOP_WORDS


MOST_PAIRS = 5
MOST_EXTENSIONS = 3
_EXTENSION = re.compile(r"[a-z0-9_-](\.[a-z][a-z0-9]{0,7})(?![a-z0-9_./-])")


def extract_rich_keywords(text: str) -> list[str]:
    """These, then the most frequent pairs of neighbours ("login form") and extensions (".py").

    Up to five pairs and three extensions. Neighbours have blanks only between them.
    """
    lowered = text.lower()
    pairs = Counter(
        f"{first} {second}"
        for run in _RUN.findall(lowered)
        for first, second in pairwise(run.split())
        if _is_keyword(first) and _is_keyword(second)
    )
    extensions = Counter(_EXTENSION.findall(lowered))
    return [
        *extract_keywords(text),
        *(pair for pair, _ in pairs.most_common(MOST_PAIRS)),
        *(extension for extension, _ in extensions.most_common(MOST_EXTENSIONS)),
    ]
