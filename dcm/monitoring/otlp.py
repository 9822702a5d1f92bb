"""Traces and metrics over OTLP/HTTP: a span for each request, and what /metrics tells.

The usual OTEL_* variables (service name, headers, sampling, intervals) are read by the SDK.
"""

import logging
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dcm import __version__
from dcm.lib import measures
from dcm.lib.measures import Reply
from dcm.monitoring.families import BY_NAME, Family, Sample
from dcm.monitoring.figures import of_this_process, readable

PATIENCE_SECONDS = 2.0
"""For one answer of the collector: stopping must not wait for one that is away."""

EVERY_MS = 60_000
logger = logging.getLogger("dcm.telemetry")

_SCOPE = InstrumentationScope("dcm", __version__)
_parents = TraceContextTextMapPropagator()


def start(endpoint: str) -> Callable[[], None]:
    """Tell this collector from now on; what is returned tells it the rest and stops."""
    resource = _resource()
    spans = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=PATIENCE_SECONDS)
    spans.add_span_processor(BatchSpanProcessor(exporter))
    tracer = spans.get_tracer("dcm", __version__)

    def listen(reply: Reply) -> None:
        _trace(tracer, reply)

    measures.listeners.append(listen)
    telling = _Telling(endpoint, resource)
    telling.start()

    def stop() -> None:
        measures.listeners.remove(listen)
        telling.stop()
        spans.shutdown()

    return stop


def _resource() -> Resource:
    """This process. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES may call it otherwise."""
    named = Resource.create(
        {
            "service.version": __version__,
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            "process.pid": os.getpid(),
        }
    )
    if str(named.attributes["service.name"]).startswith("unknown_service"):
        return named.merge(Resource({"service.name": "dcm"}))
    return named


def _trace(tracer: Tracer, reply: Reply) -> None:
    """One span, made when its time is over: nothing is held meanwhile."""
    ended_at = time.time_ns()
    route = readable(reply.route)
    carrier = {"traceparent": reply.traceparent} if reply.traceparent else {}
    span = tracer.start_span(
        f"{reply.method} {route}",
        context=_parents.extract(carrier),
        kind=SpanKind.SERVER,
        start_time=ended_at - int(reply.seconds * 1e9),
        attributes={
            "http.request.method": reply.method,
            "http.route": route,
            "http.response.status_code": reply.status,
        },
    )
    if reply.status >= 500:
        span.set_status(Status(StatusCode.ERROR))
    span.end(ended_at)


class _Telling(threading.Thread):
    """Sends the figures of this process again and again, and a last time in the end."""

    def __init__(self, endpoint: str, resource: Resource) -> None:
        super().__init__(name="otlp", daemon=True)
        self._resource = resource
        self._began_at = time.time_ns()
        self._every = int(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL") or EVERY_MS) / 1000
        self._ending = threading.Event()
        self._exporter = OTLPMetricExporter(
            endpoint=f"{endpoint}/v1/metrics", timeout=PATIENCE_SECONDS
        )

    def run(self) -> None:
        while not self._ending.wait(self._every):
            self._tell()
        self._tell()
        self._exporter.shutdown()

    def stop(self) -> None:
        self._ending.set()
        self.join(PATIENCE_SECONDS)

    def _tell(self) -> None:
        try:
            self._exporter.export(_told(of_this_process(), self._resource, self._began_at))
        except Exception:
            logger.warning("the figures were not sent", exc_info=True)


def _told(samples: Iterable[Sample], resource: Resource, began_at: int) -> MetricsData:
    by_family: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_family[sample.family].append(sample)
    now = time.time_ns()
    metrics = [_metric(BY_NAME[name], each, (began_at, now)) for name, each in by_family.items()]
    scope = ScopeMetrics(_SCOPE, metrics, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(family: Family, samples: Iterable[Sample], span: tuple[int, int]) -> Metric:
    unit = "s" if family.name.endswith(("_seconds", "_seconds_total")) else "1"
    since_start = AggregationTemporality.CUMULATIVE
    data: Histogram | Sum | Gauge
    if family.kind == "histogram":
        buckets = [_distribution(family, each, span) for each in samples]
        data = Histogram(buckets, since_start)
    else:
        points = [_number(family, each, span) for each in samples]
        is_sum = family.kind == "counter"
        data = Sum(points, since_start, is_monotonic=True) if is_sum else Gauge(points)
    return Metric(family.name, family.about, unit, data)


def _distribution(family: Family, sample: Sample, span: tuple[int, int]) -> HistogramDataPoint:
    bounds, counts, total = sample.value
    labels = dict(zip(family.labels, sample.labels, strict=True))
    least: Any = None  # and the most: these are not kept
    return HistogramDataPoint(
        labels, *span, sum(counts), total, counts, bounds, min=least, max=least
    )


def _number(family: Family, sample: Sample, span: tuple[int, int]) -> NumberDataPoint:
    labels = dict(zip(family.labels, sample.labels, strict=True))
    return NumberDataPoint(labels, *span, sample.value)
