"""How many tokens a text takes.

Counted with OpenAI's o200k vocabulary where `bpe-openai` is installed, which ships it and asks no
network; else estimated. Other models' vocabularies differ by some ten percent.
"""

import logging
import math
import re
import warnings
from collections.abc import Callable
from functools import cache

logger = logging.getLogger("dcm.briefs")

CHARACTERS_PER_TOKEN = 4
"""At most: hosts also cap the characters of a brief, and rely on it. Contract: context-briefs 7."""

Count = Callable[[str], int]


def count_tokens(text: str) -> int:
    """At least a quarter of the characters, however well they pack."""
    return max(-(-len(text) // CHARACTERS_PER_TOKEN), _counter()(text))


@cache
def _counter() -> Count:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it opens its files in a way of old
            from bpe_openai import get_encoding

            encode = get_encoding("o200k_base").encode_ordinary
    except ImportError:
        return estimate
    except Exception:
        # A broken tokenizer must not cost anybody a brief.
        logger.warning("no tokenizer; tokens are estimated", exc_info=True)
        return estimate
    return lambda text: len(encode(text))


_PIECE = re.compile(r"([A-Za-z]+)|([0-9]+)|([^\W\d_a-zA-Z]+)|([^\w\s]+|_)|(\n+)")
_PER_WORD, _PER_LETTER_BEYOND, _LONG_WORD = 1.13, 0.025, 6
_PER_THREE_DIGITS, _PER_FOREIGN_LETTER, _PER_MARK, _PER_BREAK = 1.45, 1.1, 0.68, 1.35


def estimate(text: str) -> int:
    """Fitted to o200k on briefs, docs, code and recorded hook events, plus four percent.

    tests/sessions_app/test_tokens.py says how far off it is.
    """
    tokens = 0.0
    for word, digits, foreign, mark, line_break in _PIECE.findall(text):
        if word:
            tokens += _PER_WORD + _PER_LETTER_BEYOND * max(0, len(word) - _LONG_WORD)
        elif digits:
            tokens += _PER_THREE_DIGITS * -(-len(digits) // 3)
        elif foreign:
            tokens += _PER_FOREIGN_LETTER * len(foreign)
        elif mark:
            tokens += _PER_MARK
        elif line_break:
            tokens += _PER_BREAK
    return math.ceil(tokens)
