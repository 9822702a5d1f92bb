"""The report of a soak, as Markdown."""

import statistics

from tests.benchmarks.machine import machine
from tests.soak.load import LISTENERS
from tests.soak.run import (
    MOST_GROWTH_MEGABYTES,
    MOST_LAG_GROWTH_MS,
    WARM_UP,
    Sample,
    Soak,
)

COLUMNS = (
    *("Minute", "Memory, MB", "Open files", "PostgreSQL processes"),
    *("Event lag p50, ms", "p99", "Call p50, ms", "p99"),
)
ROWS = 10


def report(found: Soak) -> str:
    step = max(1, len(found.samples) // ROWS)
    rows = [_row(found.samples[n : n + step]) for n in range(0, len(found.samples), step)]
    answers = ", ".join(f"{count:,} with {status}" for status, count in found.statuses.items())
    before, after = found.machine_load
    return "\n".join(
        [
            "# A steady load for minutes",
            "",
            f"{machine()}. One server process, embedded PostgreSQL,",
            f"{found.rate:g} calls a second for {found.seconds / 60:g} minutes, of many kinds;",
            f"{LISTENERS} sockets on `global`, and {found.visits:,} more that came, said who they",
            "are, and left. The load average of the machine, which other work and the generator",
            f"share, was {before:.1f} at the start and {after:.1f} at the end. The lag is from an",
            "event's entry in the log to its arrival. Written by `make soak ARGS=--write`.",
            "",
            f"Answers: {answers}, {sum(found.statuses.values()) / found.seconds:.0f} a second.",
            f"Calls that had to wait until one of many was answered: {found.late:,}.",
            f"Gaps in what a socket heard: {found.gaps}.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
            *rows,
            "",
            f"A line through the samples after the first {WARM_UP:.0%} of the time rises by",
            f"{found.growth('megabytes'):.1f} MB of memory (at most {MOST_GROWTH_MEGABYTES:g}) and",
            f"{found.growth('lag_ms'):.1f} ms of lag (at most {MOST_LAG_GROWTH_MS:g}):",
            f"{'; '.join(found.faults()) or 'nothing grows'}.",
            "",
        ]
    )


def _row(samples: list[Sample]) -> str:
    """The last of them; of lags and latencies the medians."""
    last = samples[-1]

    def median(name: str) -> str:
        return f"{statistics.median(getattr(sample, name) for sample in samples):.1f}"

    figures = [f"{last.minute:.1f}", f"{last.megabytes:.1f}", str(last.files), str(last.backends)]
    figures += [median(name) for name in ("lag_ms", "lag_p99_ms", "latency_ms", "latency_p99_ms")]
    return f"| {' | '.join(figures)} |"
