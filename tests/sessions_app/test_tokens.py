"""How many tokens a text takes, counted and estimated."""

import json
from pathlib import Path

import pytest

from sessions_app.briefs.tokens import CHARACTERS_PER_TOKEN, count_tokens, estimate

ROOT = Path(__file__).parents[2]
EVENTS = (ROOT / "tests" / "data" / "hook_run.jsonl").read_text().splitlines()
TEXTS = {
    "hook events": "\n".join(EVENTS),
    "prompts": "\n".join(filter(None, (json.loads(line).get("prompt") for line in EVENTS))),
    "glossary": (ROOT / "docs" / "glossary.md").read_text(),
    "decision": (ROOT / "docs" / "decisions" / "0001-event-log.md").read_text(),
    "code": (ROOT / "sessions_app" / "models.py").read_text(),
}
FURTHEST = 0.2


@pytest.mark.parametrize("name", TEXTS)
def test_the_estimate_is_near_what_a_tokenizer_counts(name: str) -> None:
    encode = pytest.importorskip("bpe_openai").get_encoding("o200k_base").encode_ordinary

    counted = len(encode(TEXTS[name]))

    assert estimate(TEXTS[name]) / counted == pytest.approx(1, abs=FURTHEST)


@pytest.mark.parametrize(
    "text", ["", "x" * 4_000, "日本語" * 100, "\n" * 50, "\ud7ff", "<|endoftext|>"]
)
def test_any_text_counts_at_least_a_quarter_of_its_characters(text: str) -> None:
    assert count_tokens(text) >= len(text) / CHARACTERS_PER_TOKEN
    assert estimate(text) >= 0
