"""Scores against a model that takes one use after another. Contract: rest 6.2, 6.4."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.plugin import DjangoDbBlocker

from routing.models import KeywordToolScore
from routing.services import ToolUse, give_feedback, learn

START = datetime(2026, 3, 4, tzinfo=UTC)


@dataclass
class Row:
    """A row of the model, known by keyword and tool."""

    tool_type: str
    score: float = 1.0
    usage_count: int = 1
    success_count: int = 1

    def move(self, by: float) -> None:
        self.score = min(5.0, max(0.1, self.score + by))


@dataclass(frozen=True)
class Feedback:
    tool_name: str
    keywords: Sequence[str]
    chosen: bool


Batch = list[ToolUse]
Step = Batch | Feedback
Model = dict[tuple[str, str], Row]


def play(steps: list[Step]) -> Model:
    """What the contract says comes of these steps, taken one use after another."""
    known: Model = {}
    for step in steps:
        if isinstance(step, Feedback):
            for keyword in step.keywords:
                if row := known.get((keyword.lower(), step.tool_name)):
                    row.move(0.2 if step.chosen else -0.1)
            continue
        for use in step:
            for keyword in use.keywords:
                _learn_one(known, keyword, use)
    return known


def _learn_one(known: Model, keyword: str, use: ToolUse) -> None:
    pair = (keyword, use.tool_name)
    if pair not in known:
        known[pair] = Row(use.tool_type, success_count=int(use.success))
        return
    row = known[pair]
    row.move(0.1 if use.success else -0.05)
    row.tool_type = use.tool_type
    row.usage_count += 1
    row.success_count += use.success


def carry_out(steps: list[Step]) -> None:
    for step in steps:
        if isinstance(step, Feedback):
            give_feedback(tool_name=step.tool_name, keywords=step.keywords, chosen=step.chosen)
        else:
            learn(step)


def check(steps: list[Step]) -> None:
    """Carry these steps out on an empty table, compare with the model, and undo it all."""
    with transaction.atomic():
        carry_out(steps)
        stored = {(row.keyword, row.tool_name): row for row in KeywordToolScore.objects.all()}
        expected = play(steps)
        assert stored.keys() == expected.keys()
        for pair, row in expected.items():
            found = stored[pair]
            assert found.score == pytest.approx(row.score)
            assert (found.usage_count, found.success_count) == (row.usage_count, row.success_count)
            assert found.tool_type == row.tool_type
        transaction.set_rollback(True)


keywords = st.lists(st.sampled_from(["login", "form", "é", "Z"]), unique=True, max_size=3)
tools = st.sampled_from(["Edit", "Read"])


@st.composite
def uses(draw: st.DrawFn) -> ToolUse:
    return ToolUse(
        tool_name=draw(tools),
        tool_type=draw(st.sampled_from(["builtin", "mcp"])),
        keywords=draw(keywords),
        success=draw(st.booleans()),
        used_at=START,
    )


feedbacks = st.builds(
    Feedback,
    tool_name=tools,
    keywords=st.lists(st.sampled_from(["login", "LOGIN", "form", "É", "unknown"]), max_size=4),
    chosen=st.booleans(),
)
histories = st.lists(st.lists(uses(), max_size=8) | feedbacks, max_size=12)
# Long runs of one outcome: these reach both ends of the range.
runs = st.lists(
    st.tuples(st.booleans(), st.integers(1, 60)).map(
        lambda run: [ToolUse("Edit", "builtin", ["login"], run[0], START)] * run[1]
    ),
    max_size=6,
)


@pytest.fixture
def unblocked(database: None, django_db_blocker: DjangoDbBlocker) -> Any:
    with django_db_blocker.unblock():
        yield


each_example_undoes_its_work = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@each_example_undoes_its_work
@given(histories)
def test_scores_are_those_of_the_model(unblocked: None, steps: list[Step]) -> None:
    check(steps)


@each_example_undoes_its_work
@given(runs)
def test_scores_are_clamped_after_each_use(unblocked: None, batches: list[Step]) -> None:
    check(batches)


@each_example_undoes_its_work
@given(runs)
def test_a_batch_scores_like_its_uses_one_by_one(unblocked: None, batches: list[Batch]) -> None:
    whole: Batch = [use for batch in batches for use in batch]

    check([whole])


@each_example_undoes_its_work
@given(st.lists(feedbacks, max_size=30))
def test_feedback_scores_like_the_model(unblocked: None, given_feedback: list[Feedback]) -> None:
    start = [ToolUse(tool, "mcp", ["login", "form", "é"], True, START) for tool in ("Edit", "Read")]

    check([start, *given_feedback])


def test_the_last_use_is_the_latest_one(unblocked: None) -> None:
    moments = [START, START + timedelta(hours=1)]

    learn([ToolUse("Edit", "mcp", ["login"], True, moment) for moment in moments])

    assert KeywordToolScore.objects.get().last_used == moments[1]


@pytest.mark.parametrize(("chosen", "adjustment"), [(True, 0.2), (False, -0.1)])
def test_feedback_says_by_how_much_it_moved(
    unblocked: None, chosen: bool, adjustment: float
) -> None:
    assert give_feedback(tool_name="Edit", keywords=["x"], chosen=chosen) == adjustment


def test_feedback_is_a_use_of_the_score(unblocked: None) -> None:
    learn([ToolUse("Edit", "mcp", ["login"], True, START)])

    give_feedback(tool_name="Edit", keywords=["login"], chosen=True)

    assert KeywordToolScore.objects.get().last_used > START


def test_no_uses_change_nothing(unblocked: None) -> None:
    learn([])
    learn([ToolUse("Edit", "mcp", [], True, START)])
    give_feedback(tool_name="Edit", keywords=[], chosen=True)

    assert not KeywordToolScore.objects.exists()
