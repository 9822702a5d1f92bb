"""GET /api/hooks/health: what hooks were like, of all processes together, and nothing made up."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dcm.lib.threads import in_thread
from dcm.monitoring.families import Sample
from dcm.monitoring.hooks import summary
from sessions_app.hook_health import quantile_ms
from sessions_app.models import ToolStart
from tests.conftest import Api
from tests.serve.serving import Serving, temporary_home

HOOKS = "/api/hooks/claude-code"


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    with temporary_home() as home, Serving(home, "--workers", "2") as server:
        yield server


def hook(serving: Serving, name: str, **fields: Any) -> None:
    event = {"hook_event_name": name, "session_id": "run-1", "cwd": "/srv/shop", **fields}
    serving.http.post(HOOKS, json=event).raise_for_status()


def test_what_nobody_measured_is_null(serving: Serving) -> None:
    health = serving.http.get("/api/hooks/health").json()

    assert (health["events"], health["sessions"]) == ([], [])
    assert health["calls_without_end"] == {"count": 0, "oldest_at": None}


def test_all_processes_are_counted_by_kind_of_event(serving: Serving) -> None:
    before = serving.http.get("/api/hooks/health").json()
    for number in range(20):
        serving.http.headers["connection"] = "close"  # so that both processes get some
        hook(serving, "PreToolUse", tool_name="Bash", tool_use_id=f"t{number}")
    hook(serving, "Brandnew")
    hook(serving, "Stop", dcm_hook={"took_ms": 7, "machine": "mia", "sent_at_ms": 5})
    hook(serving, "Stop", dcm_hook={"spooled": True})
    serving.http.post(HOOKS, content=b"[]")

    health = serving.http.get("/api/hooks/health").json()

    events = {each["event"]: each for each in health["events"]}
    assert {name: each["count"] for name, each in events.items()} == {
        "PreToolUse": 20,
        "Stop": 2,
        "other": 1,
    }
    call, stop = events["PreToolUse"], events["Stop"]
    assert 0 < call["p50_ms"] <= call["p95_ms"]
    assert call["client_p50_ms"] is None
    assert stop["client_p50_ms"] == 7.5
    assert health["late"] - before["late"] == 1
    assert health["refused"] - before["refused"] == 1
    (session,) = health["sessions"]
    assert (session["session_id"], session["machine"]) == ("run-1", "mia")


async def test_a_call_whose_end_nobody_told_is_counted(api: Api) -> None:
    long_ago = timezone.now() - timedelta(minutes=11)
    for name, at in (("a", long_ago), ("b", timezone.now())):
        await in_thread(
            ToolStart.objects.create, tool_use_id=name, session_id="run-1", started_at=at
        )

    health = (await api.get("/api/hooks/health")).json()

    assert health["calls_without_end"]["count"] == 1
    assert health["calls_without_end"]["oldest_at"] is not None


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([0, 0, 0], 0.5, None),
        ([1, 0, 0], 0.5, 1.0),
        ([1, 1, 0], 0.5, 1.0),
        ([1, 1, 0], 0.95, 2.0),
        ([0, 0, 1], 0.5, None),
    ],
)
def test_a_quantile_is_the_bound_that_so_many_kept(
    counts: list[int], share: float, expected: float | None
) -> None:
    assert quantile_ms([0.001, 0.002], counts, share) == expected


def test_figures_of_processes_add_up() -> None:
    told = [Sample("dcm_hook_duration_seconds", ["Stop"], ([0.001], [3, 1], 0.1))]

    (stop,) = summary([told, told])["events"]

    assert (stop["count"], stop["p50_ms"], stop["p95_ms"]) == (8, 1.0, None)
