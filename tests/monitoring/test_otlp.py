"""What a collector hears of a real server, by OTLP over HTTP."""

import gzip
import http.server
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.serve.serving import ROOT, Serving, environment, manage, temporary_home

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "300", "OTEL_BSP_SCHEDULE_DELAY": "100"}


class Collector(http.server.ThreadingHTTPServer):
    """Keeps what it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Listening)
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> dict[str, Span]:
        """By name; of several the newest."""
        return {
            span.name: span
            for told in self.traces
            for resource in told.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    def newest(self) -> dict[str, Metric]:
        """The metrics of the last time, by name."""
        told = self.metrics[-1:]
        return {
            metric.name: metric
            for each in told
            for resource in each.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


class _Listening(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.traces.append(ExportTraceServiceRequest.FromString(body))
        elif self.path == "/v1/metrics":
            self.server.metrics.append(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()


def soon(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def attributes(of: "Span") -> dict[str, object]:
    return {each.key: each.value.string_value or each.value.int_value for each in of.attributes}


def test_requests_are_spans_of_their_callers_and_are_counted(collector: Collector) -> None:
    with (
        temporary_home() as home,
        Serving(home, OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.url}/", **OFTEN) as server,
    ):
        caller = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        server.http.get("/api/sessions/s-1", headers=caller)
        server.http.get("/health")
        soon(lambda: "GET /api/sessions/{id}" in collector.spans())
        soon(lambda: "dcm_http_request_duration_seconds" in collector.newest())

        span = collector.spans()["GET /api/sessions/{id}"]
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
        assert attributes(span) == {
            "http.request.method": "GET",
            "http.route": "/api/sessions/{id}",
            "http.response.status_code": 404,
        }
        assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 10**10
        server.http.get("/livez")
        assert server.stop(signal.SIGTERM) == 0

    assert "GET /livez" in collector.spans()  # the last ones are told while it stops
    requests = collector.newest()["dcm_http_request_duration_seconds"]
    routes = {
        each.value.string_value
        for point in requests.histogram.data_points
        for each in point.attributes
        if each.key == "route"
    }
    assert {"/api/sessions/{id}", "/health", "/livez"} <= routes
    assert collector.newest()["dcm_sockets_open"].gauge.data_points
    resource = collector.metrics[-1].resource_metrics[0].resource
    named = {each.key: each.value.string_value for each in resource.attributes}
    assert named["service.name"] == "dcm"


def test_a_collector_that_is_away_keeps_nobody_waiting() -> None:
    with (
        temporary_home() as home,
        Serving(home, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", **OFTEN) as server,
    ):
        for _ in range(20):
            assert server.http.get("/health").elapsed.total_seconds() < 2
        began = time.monotonic()

        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 10


def test_nothing_of_it_is_loaded_without_an_address() -> None:
    program = "import sys, dcm.asgi; print('opentelemetry.sdk' in sys.modules)"

    with temporary_home() as home:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    assert done.stdout.strip() == "False"


def test_an_address_that_is_none_stops_the_start() -> None:
    with temporary_home() as home:
        done = manage(home, "check", OTEL_EXPORTER_OTLP_ENDPOINT="127.0.0.1:4318")

    assert done.returncode != 0
    assert "is not like http://127.0.0.1:4318" in done.stderr
