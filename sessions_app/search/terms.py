"""What a search asks for, in the form of PostgreSQL's websearch_to_tsquery()."""

import re
from dataclasses import dataclass

from dcm.lib.text_search import LONGEST_WORD, words_in

_TERM = re.compile(r"""(?P<no>-(?!-))?(?: "(?P<phrase>[^"]*)"? | (?P<word>[^\s"]+) )""", re.VERBOSE)


@dataclass(frozen=True)
class Terms:
    """query: what must hold. loose: the same but for phrases, of which it asks for the words only.

    words: that may be in a text for it to be found.
    """

    query: str
    loose: str
    words: list[str]


def parse_terms(text: str) -> Terms:
    """Words that must all be there; "phrases" in quotes; `or` between; one leading `-` excludes.

    What is written in one piece, such as `src/api/users.py`, is a phrase. A quote that is not
    closed reaches to the end.
    """
    parts, loose, wanted = [], [], []
    for found in _TERM.finditer(text):
        if (found["word"] or "").lower() == "or":
            parts.append("or")
            loose.append("or")
            continue
        term = found["phrase"] if found["word"] is None else found["word"]
        excludes = found["no"] is not None
        words = [word[:LONGEST_WORD] for word in words_in(term)]
        if words:
            parts.append(_quoted(words, excludes))
        if not excludes:
            loose += [_quoted([word], excludes) for word in words]
            wanted += words
        elif len(words) == 1:
            loose.append(_quoted(words, excludes))
    return Terms(" ".join(parts), " ".join(loose), wanted)


def _quoted(words: list[str], excludes: bool) -> str:
    return f'{"-" * excludes}"{" ".join(words)}"'
