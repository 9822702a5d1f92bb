"""Tokens, estimated and kept to. Contract: context-briefs 7."""

CHARACTERS_PER_TOKEN = 4
RESERVE = 50
# The blank line keeps the rule from making the line above it a heading.
NOTICE = "\n\n---\n*Shortened to fit; ask for more with max_tokens.*"


def estimate_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def fit(text: str, max_tokens: int) -> tuple[str, bool]:
    """The text within this many tokens, and whether it had to be shortened.

    Headings are kept as long as they fit, other lines up to the first that does not; the notice of
    it is part of the budget (C09).
    """
    if estimate_tokens(text) <= max_tokens:
        return text, False
    budget = CHARACTERS_PER_TOKEN * max_tokens - len(NOTICE)
    kept: list[str] = []
    size = 0
    for line in text.split("\n"):
        cost = len(line) + 1
        heading = line.startswith("#")
        if size + cost <= budget - (0 if heading else RESERVE):
            kept.append(line)
            size += cost
        elif not heading:
            break
    return "\n".join(kept).rstrip("\n") + NOTICE, True
