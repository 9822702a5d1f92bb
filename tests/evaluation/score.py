"""The share of the questions that a brief answers, beside the original's brief of the same size."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sessions_app.briefs import generate_brief
from tests.evaluation.original import original_brief
from tests.evaluation.questions import Asked, questions_of
from tests.evaluation.recording import NAMES, Recording, record

SIZES = (500, 1_000, 2_000)


@dataclass
class Score:
    """How many of how many questions, in all and by kind; and those that went unanswered."""

    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    missing: list[Asked] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.answered.total() / self.asked.total()


Brief = Callable[[Recording, Asked, int], str]


def ours(recording: Recording, asked: Asked, max_tokens: int) -> str:
    brief = generate_brief(
        agent_id=asked.agent_id,
        agent_type=asked.agent_type,
        session_id=recording.session_id,
        max_tokens=max_tokens,
        history_limit=15,
    )
    return brief.content


def original(recording: Recording, asked: Asked, max_tokens: int) -> str:
    return original_brief(
        agent_id=asked.agent_id,
        agent_type=asked.agent_type,
        session_id=recording.session_id,
        max_tokens=max_tokens,
    )


def record_all() -> list[Recording]:
    return [record(name) for name in NAMES]


def score(recordings: list[Recording], brief: Brief, max_tokens: int) -> Score:
    found = Score()
    for recording in recordings:
        texts: dict[str, str] = {}
        for asked in questions_of(recording.facts):
            if asked.agent_id not in texts:
                texts[asked.agent_id] = brief(recording, asked, max_tokens)
            found.asked[asked.kind] += 1
            if asked.is_answered_by(texts[asked.agent_id]):
                found.answered[asked.kind] += 1
            else:
                found.missing.append(asked)
    return found


def table(recordings: list[Recording]) -> str:
    """Markdown: a row per kind of question, ours and the original's at each size."""
    sizes = {
        size: (score(recordings, ours, size), score(recordings, original, size)) for size in SIZES
    }
    heads = [f"{size:,} tokens | original" for size in SIZES]
    lines = [
        f"| Question about | Asked | {' | '.join(heads)} |",
        "|---" * (2 + 2 * len(SIZES)) + "|",
    ]
    some = next(iter(sizes.values()))[0]
    for kind in sorted(some.asked):
        shares = [
            f"{found.answered[kind] / found.asked[kind]:.0%}"
            for pair in sizes.values()
            for found in pair
        ]
        lines.append(f"| {kind} | {some.asked[kind]} | {' | '.join(shares)} |")
    shares = [f"**{found.share:.0%}**" for pair in sizes.values() for found in pair]
    lines.append(f"| **all** | {some.asked.total()} | {' | '.join(shares)} |")
    return "\n".join(lines)
