"""A server under a mixed load, looked at every few seconds."""

import asyncio
import os
import statistics
import time
from dataclasses import dataclass

import psutil

from tests.benchmarks.machine import tell
from tests.serve.serving import Serving, postgres_of, temporary_home
from tests.soak.load import MixedLoad
from tests.soak.trend import slope

SAMPLES = 60
WARM_UP = 0.25
"""This share of the time is left out: caches fill, the ring of events among them."""

MOST_GROWTH_MEGABYTES = 15.0
MOST_LAG_GROWTH_MS = 100.0
"""What the line through the samples may rise from the end of the warm-up to the end."""


@dataclass(frozen=True)
class Sample:
    """minute: since the start. lag_ms, latency_ms: medians since the last sample, and 99 %."""

    minute: float
    megabytes: float
    files: int
    backends: int
    lag_ms: float
    lag_p99_ms: float
    latency_ms: float
    latency_p99_ms: float


@dataclass(frozen=True)
class Soak:
    """machine_load: the load average over a minute, at the start and at the end."""

    seconds: float
    rate: float
    samples: list[Sample]
    statuses: dict[int, int]
    gaps: int
    closed: int
    visits: int
    late: int
    machine_load: tuple[float, float]

    @property
    def steady(self) -> list[Sample]:
        """Those after the warm-up."""
        begin = WARM_UP * self.seconds / 60
        return [sample for sample in self.samples if sample.minute > begin]

    def growth(self, name: str) -> float:
        """What the line through this column rises over the steady part."""
        points = [(sample.minute, float(getattr(sample, name))) for sample in self.steady]
        return slope(points) * (points[-1][0] - points[0][0])

    def faults(self) -> list[str]:
        """What is not as it should be, in words."""
        failed = sum(count for status, count in self.statuses.items() if not 200 <= status < 300)
        growths = {
            "memory": (self.growth("megabytes"), MOST_GROWTH_MEGABYTES, "MB"),
            "event lag": (self.growth("lag_ms"), MOST_LAG_GROWTH_MS, "ms"),
        }
        found = [f"{failed} calls failed"] if failed else []
        found += [f"{self.gaps} gaps in what a socket heard"] if self.gaps else []
        found += [f"{self.closed} sockets were closed"] if self.closed else []
        return found + [
            f"{name} grew by {grown:.1f} {unit}"
            for name, (grown, most, unit) in growths.items()
            if grown > most
        ]


async def soak(*, seconds: float, rate: float) -> Soak:
    with temporary_home() as home, Serving(home) as serving:
        before = os.getloadavg()[0]
        url = f"http://127.0.0.1:{serving.port('PORT')}"
        load = MixedLoad(url, f"ws://127.0.0.1:{serving.port('WS_PORT')}", rate=rate)
        running = asyncio.create_task(load.run(seconds))
        samples = await _look(serving, load, running, seconds)
        await running
        return Soak(
            seconds=seconds,
            rate=rate,
            samples=samples,
            statuses=dict(sorted(load.statuses.items())),
            gaps=load.heard.gaps,
            closed=load.closed,
            visits=load.visits,
            late=load.late,
            machine_load=(before, os.getloadavg()[0]),
        )


async def _look(
    serving: Serving, load: MixedLoad, running: "asyncio.Task[None]", seconds: float
) -> list[Sample]:
    """Samples, evenly over the time, until the load ends."""
    server = psutil.Process(serving.process.pid)
    began = time.monotonic()
    samples: list[Sample] = []
    for number in range(1, SAMPLES + 1):
        due = began + seconds * number / SAMPLES
        await asyncio.wait([running], timeout=max(0.0, due - time.monotonic()))
        lag, lag_p99 = _percentiles(load.heard.take())
        latencies, load.latencies = load.latencies, []
        latency, latency_p99 = _percentiles(latencies)
        samples.append(
            Sample(
                minute=(time.monotonic() - began) / 60,
                megabytes=server.memory_info().rss / 2**20,
                files=server.num_fds(),
                backends=len(postgres_of(serving.home)),
                lag_ms=lag,
                lag_p99_ms=lag_p99,
                latency_ms=latency,
                latency_p99_ms=latency_p99,
            )
        )
        if number % (SAMPLES // 5) == 0:
            tell(f"{samples[-1].minute:.1f} min: {samples[-1].megabytes:.0f} MB, lag {lag:.0f} ms")
    return samples


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th, in ms."""
    if len(seconds) < 2:
        return (0.0, 0.0)
    return 1000 * statistics.median(seconds), 1000 * statistics.quantiles(seconds, n=100)[98]
