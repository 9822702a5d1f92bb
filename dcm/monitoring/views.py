"""GET /metrics, in the text format of Prometheus."""

import itertools
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from dcm.lib.api import hot_view
from dcm.lib.database_check import database
from dcm.lib.threads import in_thread
from dcm.monitoring import figures
from dcm.monitoring.families import FAMILIES, Family, Sample
from dcm.monitoring.siblings import siblings

logger = logging.getLogger("dcm.monitoring")

Told = tuple[Sequence[str], Sample]


@hot_view(failure="Failed to read the metrics", method="GET")
async def metrics(request: HttpRequest) -> HttpResponse:
    healthy = (await database.finding())["healthy"]
    shared = await _of_the_database() if healthy else []
    processes = await siblings.figures()
    shared += figures.of_the_server(processes=len(processes), healthy=healthy)
    return HttpResponse(as_text(processes, shared), content_type=CONTENT_TYPE_LATEST)


async def _of_the_database() -> list[Sample]:
    """None when they cannot be had: what the processes count is told all the same."""
    try:
        return await in_thread(figures.of_the_database)
    except DatabaseError as error:
        logger.warning("the database does not tell its figures: %s", error)
        return []


def as_text(processes: Mapping[str, Iterable[Sample]], shared: Iterable[Sample]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(processes, shared))
    return generate_latest(registry)


class _Told(Collector):
    """Samples as prometheus_client wants them: those of a metric together."""

    def __init__(self, processes: Mapping[str, Iterable[Sample]], shared: Iterable[Sample]) -> None:
        self._by_family: dict[str, list[Told]] = defaultdict(list)
        for process, samples in processes.items():
            for sample in samples:
                self._by_family[sample.family].append(([*sample.labels, process], sample))
        for sample in shared:
            self._by_family[sample.family].append((sample.labels, sample))

    def collect(self) -> Iterator[Metric]:
        for family in FAMILIES:
            if family.name in self._by_family:
                yield _metric(family, self._by_family[family.name])


def _metric(family: Family, told: Iterable[Told]) -> Metric:
    labels = [*family.labels, *(["process"] if family.of_process else [])]
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.about, labels=labels)
        for values, sample in told:
            bounds, counts, total = sample.value
            at_most = itertools.accumulate(counts)
            limits = [*(str(float(bound)) for bound in bounds), "+Inf"]
            histogram.add_metric(values, [*zip(limits, at_most, strict=True)], sum_value=total)
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.about, labels=labels)
    for values, sample in told:
        metric.add_metric(values, sample.value)
    return metric
