"""What a real server writes to its log."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve.serving import Serving, temporary_home

PRODUCTION = {"DCM_ENV": "production", "DCM_API_KEY": "k" * 32, "WS_AUTH_SECRET": "s" * 32}
SLOW = {"DCM_SLOW_MS": "1", "DCM_SLOW_QUERY_MS": "1"}
ACTION = {"tool_name": "Edit", "tool_type": "builtin", "session_id": "s-1", "agent_id": "a-1"}
SECRET = "nobody-should-read-this"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


def _json_lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line != "Stopped"]


def test_production_logs_json_with_request_agent_and_session(home: Path) -> None:
    with Serving(home, **PRODUCTION, **SLOW) as serving:
        serving.http.headers["X-API-Key"] = PRODUCTION["DCM_API_KEY"]
        for number in range(10):  # the first takes longer than a millisecond for sure
            serving.http.post(
                f"/api/actions?note={SECRET}",
                json={**ACTION, "input": SECRET},
                headers={"X-Request-ID": f"mine-{number}"},
            )
        serving.http.post("/api/projects", json={"path": f"/srv/{SECRET}"})
        serving.stop(signal.SIGTERM)
        lines = _json_lines(serving.rest_of_output())

    slow = [line for line in lines if line["message"] == "slow request"]
    first = slow[0]
    assert first["logger"] == "dcm.access"
    assert first["request_id"] == "mine-0"
    assert (first["agent"], first["session"]) == ("a-1", "s-1")
    assert (first["method"], first["path"], first["status"]) == ("POST", "/api/actions", 201)
    assert first["ms"] >= 1
    queries = [line for line in lines if line["message"] == "slow query"]
    assert queries
    assert all(line["sql"] for line in queries)
    assert SECRET not in json.dumps(lines)


def test_nothing_is_slow_when_that_is_switched_off(home: Path) -> None:
    with Serving(home, DCM_SLOW_MS="0", DCM_SLOW_QUERY_MS="0") as serving:
        serving.http.post("/api/actions", json=ACTION)
        serving.stop(signal.SIGTERM)

        assert serving.rest_of_output() == "Stopped\n"


def test_development_logs_text_without_colours_unless_on_a_terminal(home: Path) -> None:
    with Serving(home, **SLOW) as serving:
        serving.http.get("/api/sessions/a%0Ab%1B[31m", headers={"X-Request-ID": "r-1"})
        serving.http.post("/api/actions", json=ACTION, headers={"X-Request-ID": "r-2"})
        serving.stop(signal.SIGTERM)
        output = serving.rest_of_output()

    assert "\x1b" not in output
    (line,) = [line for line in output.splitlines() if "request_id=r-2" in line and "201" in line]
    assert "WARNING dcm.access: slow request" in line
    assert "agent=a-1 session=s-1" in line


def test_a_request_keeps_a_sane_id_and_gets_one_otherwise(home: Path) -> None:
    with Serving(home) as serving:
        given = [
            serving.http.get("/livez", headers=[(b"X-Request-ID", text.encode())]).headers[
                "x-request-id"
            ]
            for text in ("abc-123", "", "has a space", "x" * 129, "<script>", "caf\u00e9")
        ]
        refused = serving.http.get("/nowhere")
        page = serving.http.get("/admin/login/")

    assert given[0] == "abc-123"
    assert len({*given, refused.headers["x-request-id"], page.headers["x-request-id"]}) == 8
    assert all(len(text) < 30 and text.isascii() for text in given)


def test_the_web_server_logs_in_the_same_format(home: Path) -> None:
    with Serving(home, LOG_FORMAT="json") as serving:
        with socket.create_connection(("127.0.0.1", serving.port("PORT"))) as client:
            client.sendall(b"no http at all\r\n\r\n")
            client.recv(1000)
        serving.stop(signal.SIGTERM)
        lines = _json_lines(serving.rest_of_output())

    assert [line["logger"] for line in lines] == ["uvicorn.error"]
