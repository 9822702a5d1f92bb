"""Whether a brief tells an agent what it would ask after a compaction."""

import pytest

from tests.evaluation.questions import questions_of
from tests.evaluation.recording import NAMES, facts_of
from tests.evaluation.score import original, ours, record_all, score

AGENTS, QUESTIONS, ACTIONS = 10, 200, 3_000
ENOUGH = 0.9


def test_the_runs_are_several_and_long(database: None) -> None:
    recordings = record_all()

    asked = [asked for each in recordings for asked in questions_of(each.facts)]
    assert len({each.facts["project"]["path"] for each in recordings}) == len(NAMES)
    assert len({each.agent_id for each in asked}) >= AGENTS
    assert len(asked) >= QUESTIONS
    assert sum(each.actions for each in recordings) >= ACTIONS


def test_a_brief_of_a_thousand_tokens_answers_nine_of_ten_questions(database: None) -> None:
    recordings = record_all()

    told = score(recordings, ours, 1_000)
    told_by_original = score(recordings, original, 1_000)

    assert told.share >= ENOUGH, [f"{each.agent_id}: {each.question}" for each in told.missing]
    assert told.share > told_by_original.share > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_text_without_facts_answers_nothing(name: str) -> None:
    assert not any(
        asked.is_answered_by("# Brief\n\n- \n") for asked in questions_of(facts_of(name))
    )
