"""The soak itself, for a few seconds; whether anything grows takes minutes to tell."""

import pytest

from tests.soak.report import report
from tests.soak.run import SAMPLES, Sample, Soak, soak
from tests.soak.trend import slope

SECONDS, RATE = 8, 40


async def test_a_short_soak_has_neither_failures_nor_gaps() -> None:
    found = await soak(seconds=SECONDS, rate=RATE)

    assert set(found.statuses) <= {200, 201}
    assert sum(found.statuses.values()) > SECONDS * RATE / 4  # a busy machine may not keep up
    assert (found.gaps, found.closed) == (0, 0)
    assert found.visits > 0
    assert len(found.samples) == SAMPLES
    assert any(sample.lag_ms > 0 for sample in found.samples)
    assert "| Minute |" in report(found)


@pytest.mark.parametrize(("rise", "faults"), [(0, []), (10, ["memory grew by 22.0 MB"])])
def test_what_grows_is_told(rise: float, faults: list[str]) -> None:
    samples = [
        Sample(n / 20, 100 + rise * n / 20, 50, 10, 5.0, 9.0, 5.0, 9.0)
        for n in range(1, SAMPLES + 1)
    ]

    found = Soak(180, 100, samples, {200: 1}, 0, 0, 1, 0, (0.0, 0.0))

    assert found.faults() == faults


def test_a_slope_is_that_of_the_line_through_the_points() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert slope([(0, 0), (1, 1), (2, 0)]) == 0
