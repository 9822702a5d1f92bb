"""What a search asks for, in the form of PostgreSQL's websearch_to_tsquery()."""

import re
from dataclasses import dataclass

from dcm.lib.text_search import LONGEST_WORD, words_in

_TERM = re.compile(r"""(?P<no>-(?!-))?(?: "(?P<phrase>[^"]*)"? | (?P<word>[^\s"]+) )""", re.VERBOSE)


@dataclass(frozen=True)
class Terms:
    """query: for websearch_to_tsquery(). words: that may be in a text for it to be found."""

    query: str
    words: list[str]


def parse_terms(text: str) -> Terms:
    """Words that must all be there; "phrases" in quotes; `or` between; one leading `-` excludes.

    What is written in one piece, such as `src/api/users.py`, is a phrase. A quote that is not
    closed reaches to the end.
    """
    parts, wanted = [], []
    for found in _TERM.finditer(text):
        if (found["word"] or "").lower() == "or":
            parts.append("or")
            continue
        term = found["phrase"] if found["word"] is None else found["word"]
        excludes = found["no"] is not None
        words = [word[:LONGEST_WORD] for word in words_in(term)]
        if words:
            parts.append(f'{"-" * excludes}"{" ".join(words)}"')
        if not excludes:
            wanted += words
    return Terms(" ".join(parts), wanted)
