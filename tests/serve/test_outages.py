"""What is answered while PostgreSQL hangs, has died, or comes back."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from dcm.lib.database_check import FRESH_SECONDS
from tests.serve.serving import Serving, postgres_of


@pytest.fixture
def hanging(home: Path) -> Iterator[Serving]:
    """A server whose PostgreSQL stands still."""
    with Serving(home) as serving:
        serving.http.get("/health")
        family = postgres_of(home)
        for process in family:
            process.suspend()
        time.sleep(2 * FRESH_SECONDS)  # so long the last answer counts
        yield serving
        for process in family:
            process.resume()


def test_health_says_within_two_seconds_that_the_database_hangs(hanging: Serving) -> None:
    def ask() -> tuple[httpx.Response, float]:
        began = time.monotonic()
        response = httpx.get(f"{hanging.http.base_url}/health", timeout=10)
        return response, time.monotonic() - began

    with ThreadPoolExecutor(8) as threads:
        replies = [future.result() for future in [threads.submit(ask) for _ in range(8)]]

    for response, seconds in replies:
        assert response.status_code == 503
        assert response.json()["status"] == "unhealthy"
        assert response.json()["database"]["healthy"] is False
        assert response.json()["database"]["error"]
        assert seconds < 2


def test_requests_are_answered_within_two_seconds_while_the_database_hangs(
    hanging: Serving,
) -> None:
    action = {"tool_name": "Edit", "tool_type": "builtin"}

    def ask(method: str, path: str, body: object) -> tuple[httpx.Response, float]:
        began = time.monotonic()
        response = hanging.http.request(method, path, json=body)
        return response, time.monotonic() - began

    asked = [
        ("GET", "/api/projects", None),
        ("POST", "/api/projects", {"path": "/srv"}),
        ("POST", "/api/actions", action),
        ("GET", "/api/messages/a", None),
        ("GET", "/api/events", None),
    ] * 4
    with ThreadPoolExecutor(len(asked)) as threads:
        replies = [each.result() for each in [threads.submit(ask, *one) for one in asked]]

    for response, seconds in replies:
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert response.json()["error"] == "Database unavailable"
        assert seconds < 2


def test_a_tool_is_answered_within_two_seconds_while_the_database_hangs(hanging: Serving) -> None:
    call = {"name": "inbox", "arguments": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accept = {"Accept": "application/json"}
    hanging.http.post("/mcp", json={**body, "method": "tools/list"}, headers=accept)

    began = time.monotonic()
    reply = hanging.http.post("/mcp?agent_id=a", json=body, headers=accept)
    seconds = time.monotonic() - began

    result = reply.json()["result"]
    assert (result["isError"], result["content"][0]["text"]) == (True, "Database unavailable")
    assert seconds < 2


def test_livez_does_not_mind_a_database_that_hangs(hanging: Serving) -> None:
    assert hanging.http.get("/livez").json() == {"status": "alive"}


def test_a_hanging_database_does_not_keep_it_from_ending(hanging: Serving) -> None:
    began = time.monotonic()

    code = hanging.stop(signal.SIGTERM)

    assert code == 0
    assert time.monotonic() - began < 20  # seconds; it would hang for ever


def test_a_database_that_died_is_started_again(home: Path) -> None:
    with Serving(home) as serving:
        serving.http.get("/health")
        first, *_ = postgres_of(home)
        first.kill()
        first.wait(5)

        project = {"path": "/srv"}
        replies = [serving.http.post("/api/projects", json=project)]
        deadline = time.monotonic() + 20
        while replies[-1].status_code != 201 and time.monotonic() < deadline:
            replies.append(serving.http.post("/api/projects", json=project))

        assert replies[-1].status_code == 201
        assert {reply.status_code for reply in replies} <= {201, 503}
