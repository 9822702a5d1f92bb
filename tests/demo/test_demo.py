"""The demo against the real server: every step is accepted, and people see the agents at work."""

import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from dcm.demo.script import RUN
from tests.conftest import Server
from tests.serve.serving import ROOT, environment, free_ports, manage

EVENTS = [str((step.body or {}).get("hook_event_name")) for step in RUN]
CALLS = [event for event in EVENTS if event.startswith("PostToolUse")]


class Screen(io.StringIO):
    """A terminal beside a browser: at each line it looks at the overview."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.pages: list[str] = []

    def write(self, text: str) -> int:
        self.pages.append(httpx.get(self.url).text)
        return super().write(text)


@pytest.fixture
def sigterm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def get(server: Server, path: str) -> Any:
    return httpx.get(server.url + path).raise_for_status().json()


def test_one_run_is_accepted_and_seen(server: Server, sigterm: None) -> None:
    screen = Screen(server.url)

    call_command("demo", once=True, speed=100_000.0, url=server.url, stdout=screen)

    assert screen.getvalue().endswith("steps\n")
    for agent in ("backend", "frontend", "qa-testing", "code-reviewer"):
        assert any(f"{agent}-" in page for page in screen.pages), agent
    assert any('<span class="status blocked">' in page for page in screen.pages)


def test_a_run_leaves_a_whole_work_tree_and_nothing_open(server: Server, sigterm: None) -> None:
    call_command("demo", once=True, speed=100_000.0, url=server.url, stdout=io.StringIO())

    (session,) = get(server, "/api/sessions")["sessions"]
    assert session["ended_at"] is not None
    assert (session["total_tools_used"], session["total_errors"]) == (len(CALLS), 1)
    (request,) = get(server, "/api/requests")["requests"]
    assert request["status"] == "completed"
    tasks = get(server, "/api/tasks")["tasks"]
    assert sorted((task["wave_number"], task["status"]) for task in tasks) == [
        (0, "completed"),
        (1, "completed"),
        (2, "completed"),
    ]
    assert get(server, f"/api/sessions/{session['id']}/agents")["agents"] == []
    assert len(get(server, f"/api/sessions/{session['id']}/decisions")["decisions"]) == 1
    assert get(server, f"/api/compact/status/{session['id']}")["compacted"] is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_winds_up(
    server: Server, tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--speed", "5", "--url", server.url],
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        next(line for line in demo.stdout if "asks frontend to wait" in line)
        demo.send_signal(number)
        rest = demo.stdout.read()

    assert (demo.returncode, rest.splitlines()[-1]) == (0, "Stopped")
    assert get(server, "/api/active-sessions")["active_agents"] == []
    (session,) = get(server, "/api/sessions")["sessions"]
    assert session["ended_at"] is not None


def test_without_a_server_it_says_so_in_one_line(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_ports()['PORT']}"

    ended = manage(tmp_path, "demo", "--url", nobody)

    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"CommandError: No server answers at {nobody}")


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://", "http://a:b"])
def test_an_address_that_is_none_is_refused(url: str, sigterm: None) -> None:
    with pytest.raises(CommandError):
        call_command("demo", once=True, url=url)


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "fast"])
def test_a_speed_that_is_none_is_refused(speed: str) -> None:
    with pytest.raises(CommandError):
        call_command("demo", "--speed", speed)
