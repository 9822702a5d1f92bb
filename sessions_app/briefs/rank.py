"""How much a text bears on an agent's work: by the words they share, rare ones above all.

Pure, and without a model: a brief has to be there in milliseconds, on any machine.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_a-zA-Z]+")
_ENDINGS = re.compile(r"(?:ations?|ings?|ies|ed|es|s|e|y)$")
_STOP_WORDS = frozenset(
    word
    for line in (
        "a about after again all also an and any are as at be because been before being but by can",
        "cannot did do does each else every few for from get give had has have how if in into is",
        "it its just least less more most must need never new no not now of off on once one only",
        "or other our out over per same see should so some such take than that the their them then",
        "there they this those through to too two under until up use used very want was we well",
        "were what when where which while who why will with within without work write you your",
        "src lib app test tests index main file files py ts tsx js go json md txt sql yaml",
    )
    for word in line.split()
)
LONGEST = 4_000
_MOST_TELLING = 4


def words_of(text: str) -> set[str]:
    """Lower case, without endings and without words that tell nothing; identifiers are split."""
    words = (word.lower() for word in _WORD.findall(text[:LONGEST]))
    return {_stem(word) for word in words if is_telling(word)}


def is_telling(word: str) -> bool:
    return len(word) > 2 and word not in _STOP_WORDS


def _stem(word: str) -> str:
    short = _ENDINGS.sub("", word)
    return short if len(short) > 2 else word


class Bearing:
    """Of texts on some work. among: all the texts, which tells which words are rare."""

    def __init__(self, work: Iterable[str], among: Iterable[str]) -> None:
        self._work = set[str]().union(*map(words_of, work))
        texts = [words_of(text) for text in among]
        self._many = len(texts)
        self._frequency = Counter(word for words in texts for word in words)

    def of(self, text: str) -> float:
        """0 for nothing in common, near 1 for several rare words."""
        shared = words_of(text) & self._work
        weights = sorted((self._weight(word) for word in shared), reverse=True)
        return 1 - math.exp(-sum(weights[:_MOST_TELLING]))

    def _weight(self, word: str) -> float:
        """1 for a word that occurs once among many, towards 0 for one that is everywhere."""
        often = self._frequency.get(word, 0) or 1
        return math.log((1 + self._many) / often) / math.log(2 + self._many)
