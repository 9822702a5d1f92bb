"""How long a count is kept."""

from types import SimpleNamespace

import pytest

from dcm.lib.counting import MANY, Counted


class Rows:
    """So many, counted so slowly, at this time of the clock."""

    def __init__(self, many: int, seconds: float) -> None:
        self.now = 1_000.0
        self.many = many
        self.seconds = seconds

    def count(self) -> tuple[int, int]:
        self.now += self.seconds
        return self.many, self.many


Counting = tuple[Rows, Counted[int]]


@pytest.fixture
def counted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Counting:
    rows = Rows(*request.param)
    monkeypatch.setattr("dcm.lib.counting.time", SimpleNamespace(monotonic=lambda: rows.now))
    return rows, Counted(rows.count)


@pytest.mark.parametrize(
    ("counted", "seconds"),
    [((MANY + 1, 0.01), 1.0), ((MANY + 1, 0.7), 14.0)],
    indirect=["counted"],
    ids=["for a second", "for twenty times as long as it took"],
)
def test_a_count_of_many_is_kept(counted: Counting, seconds: float) -> None:
    rows, count = counted
    first = count()
    rows.many += 1
    rows.now += seconds - 0.001
    assert count() == first
    rows.now += 0.002
    assert count() == first + 1


@pytest.mark.parametrize("counted", [(MANY, 0.7)], indirect=True, ids=["twenty thousand"])
def test_few_are_counted_for_each_call(counted: Counting) -> None:
    rows, count = counted
    first = count()
    rows.many -= 1
    assert count() == first - 1
