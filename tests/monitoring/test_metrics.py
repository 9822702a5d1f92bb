"""GET /metrics of real servers, as Prometheus reads it."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.core import Sample
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from dcm.monitoring.families import FAMILIES
from tests.serve.serving import Serving, postgres_of, temporary_home

KEY = "k" * 32
ACTION = {"tool_name": "Edit", "tool_type": "builtin"}


class Metrics:
    """What one request to /metrics told."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples that have these labels."""
        return sum(sample.value for sample in self.found(name, **labels))

    def found(self, name: str, **labels: str) -> list[Sample]:
        return [
            sample
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def values_of(self, label: str) -> set[str]:
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    with temporary_home() as home, Serving(home) as server:
        yield server


@pytest.fixture(scope="module")
def two_processes() -> Iterator[Serving]:
    with temporary_home() as home, Serving(home, "--workers", "2") as server:
        yield server


def metrics_of(serving: Serving) -> Metrics:
    response = serving.http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return Metrics(response.text)


REQUESTS = "dcm_http_request_duration_seconds_count"


def test_requests_are_counted_by_route_never_by_path(serving: Serving) -> None:
    for number in range(5):
        serving.http.get(f"/api/sessions/session-{number}")
        serving.http.get(f"/wp-admin/{number}.php")
        serving.http.request("PROPFIND", "/health")
    serving.http.post("/api/actions", json=ACTION)

    told = metrics_of(serving)

    routes = told.values_of("route")
    assert told.total(REQUESTS, route="/api/sessions/{id}", method="GET", status="4xx") == 5
    assert told.total(REQUESTS, route="unknown", method="GET", status="4xx") == 5
    assert told.total(REQUESTS, route="/health", method="other") == 5
    assert told.total(REQUESTS, route="/api/actions", method="POST", status="2xx") == 1
    assert not [route for route in routes if "session-" in route or "php" in route]
    assert not [route for route in routes if set(route) & set("^$?<>()\\")]


def test_a_histogram_ends_with_all_requests(serving: Serving) -> None:
    serving.http.get("/livez")

    told = metrics_of(serving)

    bucket = "dcm_http_request_duration_seconds_bucket"
    buckets = [sample.value for sample in told.found(bucket, route="/livez")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == told.total(REQUESTS, route="/livez") >= 1
    assert told.total("dcm_http_request_duration_seconds_sum", route="/livez") > 0


def test_every_metric_that_is_told_has_a_name_of_the_list(serving: Serving) -> None:
    text = serving.http.get("/metrics").text

    told = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(told) == len(set(told))
    assert set(told) <= {family.name for family in FAMILIES}


async def test_events_sockets_and_the_lag_of_delivery(serving: Serving) -> None:
    before = metrics_of(serving)
    url = f"ws://127.0.0.1:{serving.port('WS_PORT')}/"
    coordinator = f"ws://127.0.0.1:{serving.port('COORDINATOR_PORT')}/"
    async with connect(url) as client, connect(coordinator):
        await client.recv()
        serving.http.post("/api/blocking", json={"blocked_by": "a", "blocked_agent": "b"})
        async with asyncio.timeout(5):
            await client.recv()

        told = metrics_of(serving)

    published = "dcm_events_published_total"
    assert told.total(published) == before.total(published) + 1
    assert told.total("dcm_sockets_open", kind="native") == 1
    assert told.total("dcm_sockets_open", kind="coordinator") == 1
    lag = "dcm_delivery_lag_seconds"
    assert told.total(f"{lag}_count") == before.total(f"{lag}_count") + 1
    assert 0 <= told.total(f"{lag}_sum") - before.total(f"{lag}_sum") < 5
    while metrics_of(serving).total("dcm_sockets_open"):
        await asyncio.sleep(0.05)


def test_batches_queues_and_the_database(serving: Serving) -> None:
    serving.http.post("/api/actions", json=ACTION)

    told = metrics_of(serving)

    assert told.total("dcm_batch_size_count", batcher="record_each") >= 1
    assert {"threads", "record_each"} <= told.values_of("queue")
    assert told.total("dcm_database_up") == 1
    assert told.total("dcm_database_check_duration_seconds_count") >= 1
    assert told.total("process_resident_memory_bytes") > 10**7
    assert told.total("process_cpu_seconds_total") > 0
    assert told.found("dcm_delivery_exhausted_total")


def test_secrets_that_were_taken_out_are_counted_by_kind(serving: Serving) -> None:
    secret = "ghp_" + "a1B2" * 9
    serving.http.post("/api/actions", json={**ACTION, "input": f"token {secret}"})

    told = metrics_of(serving)

    assert told.total("dcm_redacted_secrets_total") >= 1
    assert secret not in " ".join(told.values_of("kind"))


def test_each_answer_tells_of_all_processes(two_processes: Serving) -> None:
    processes = {str(worker.pid) for worker in two_processes.workers()}
    url = f"http://127.0.0.1:{two_processes.port('PORT')}"
    for _ in range(40):
        httpx.get(f"{url}/livez")

    for _ in range(5):
        told = Metrics(httpx.get(f"{url}/metrics").text)
        assert told.values_of("process") == processes
        assert told.total("dcm_processes") == 2
        assert told.total(REQUESTS, route="/livez") == 40
        assert len(told.found("dcm_events_published_total")) == 1


def test_a_process_that_was_killed_is_told_of_no_more(two_processes: Serving) -> None:
    url = f"http://127.0.0.1:{two_processes.port('PORT')}"
    killed = two_processes.workers()[0].pid
    os.kill(killed, signal.SIGKILL)

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            told = Metrics(httpx.get(f"{url}/metrics").text)
        except httpx.HTTPError:  # it was with the one that died
            continue
        if told.total("dcm_processes") == 2:
            break
        time.sleep(0.1)

    assert told.total("dcm_processes") == 2
    assert str(killed) not in told.values_of("process")


def test_metrics_are_told_while_the_database_is_down() -> None:
    with temporary_home() as home, Serving(home) as serving:
        postgres = postgres_of(home)
        for process in postgres:
            process.suspend()
        try:
            told = metrics_of(serving)
        finally:
            for process in postgres:
                process.resume()

    assert told.total("dcm_database_up") == 0
    assert told.found("process_resident_memory_bytes")
    assert told.found("dcm_database_up")


def test_metrics_need_the_key_like_the_rest() -> None:
    with temporary_home() as home, Serving(home, DCM_API_KEY=KEY) as locked:
        refused = locked.http.get("/metrics")
        allowed = locked.http.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})

    assert (refused.status_code, allowed.status_code) == (401, 200)
