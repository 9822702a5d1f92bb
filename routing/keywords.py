"""Keywords of a tool's input. Contract: rest 6.1."""

import re
from collections import Counter

MOST = 10
_WORD = re.compile(r"[a-z0-9_-]+")
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
    words = [word for word in counts if 3 <= len(word) <= 29 and word not in _STOP_WORDS]
    return sorted(words, key=counts.__getitem__, reverse=True)[:MOST]
