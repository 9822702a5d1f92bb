"""`dcm doctor` finds and explains what can be wrong between a host and the server."""

import json
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dcm.lib.threads import in_thread
from messaging.models import Agent
from tests.client.commands import Dcm, is_root
from tests.client.hooks import Hook, answering, hang, http, reset, strange_server, tool_call
from tests.conftest import Api

Found = list[dict[str, str]]


def examine(dcm: Dcm, *, code: int | None = None) -> Found:
    done = dcm("doctor", "--json")
    assert done.code == code or code is None, done
    found: Found = done.json()
    for each in found:
        assert each["level"] == "ok" or each["advice"], each
    return found


def of(found: Found, check: str) -> list[tuple[str, str]]:
    return [(each["level"], each["text"]) for each in found if each["check"] == check]


async def test_when_all_is_well_it_says_so_and_leaves_nothing_behind(api: Api, dcm: Dcm) -> None:
    dcm.ok("install", "claude-code")

    found, text = examine(dcm, code=0), dcm.ok("doctor")

    # How hooks fare is told of the whole run, in which others sent nonsense.
    own = [each for each in found if each["check"] != "health"]
    levels = {(each["check"], each["level"]) for each in own}
    assert levels == {
        (check, "ok")
        for check in ("server", "version", "clock", "dcm-hook", "hooks", "spool", "canary")
    }
    assert len(of(found, "canary")) == 2
    (slowest, *_) = of(found, "health")
    assert "hooks since the server started" in slowest[1] or "nothing is known" in slowest[1]
    said = [line for line in text.splitlines() if "  health " not in line and line[0] != " "]
    assert [each[:2] for each in said] == ["ok"] * len(own)
    stats = (await api.get("/stats")).json()
    assert (stats["projectCount"], stats["actionCount"]) == (0, 0)
    assert (await api.get("/api/sessions")).json()["sessions"] == []
    assert not await in_thread(Agent.objects.exists)


STRANGE: list[tuple[Callable[[socket.socket], None], str]] = [
    (hang, "took the call but does not answer"),
    (reset, "dropped the connection"),
    (answering(http("200 OK", "<html>Welcome to the hotel</html>", "text/html")), "not DCM"),
    (
        answering(http("503 Service Unavailable", '{"database": {"error": "refused"}}')),
        "its database is away: refused",
    ),
    (answering(http("401 Unauthorized", '{"error": "Unauthorized"}')), "wants another key"),
]


@pytest.mark.parametrize(("treat", "words"), STRANGE)
def test_a_server_that_misbehaves_is_explained(
    lonely_dcm: Dcm, treat: Callable[[socket.socket], None], words: str
) -> None:
    with strange_server(treat) as lonely_dcm.url:
        found = examine(lonely_dcm, code=1)

    ((level, text),) = of(found, "server")
    assert level == "problem"
    assert words in text


def test_no_server_is_explained(lonely_dcm: Dcm) -> None:
    ((level, text),) = of(examine(lonely_dcm, code=1), "server")

    assert (level, text.startswith(f"no DCM server at {lonely_dcm.url}")) == ("problem", True)
    assert "PROBLEM  server" in lonely_dcm("doctor").out


@pytest.mark.parametrize(("hours", "words"), [(2, "ahead of"), (-2, "behind")])
def test_clocks_that_disagree_are_told(lonely_dcm: Dcm, hours: int, words: str) -> None:
    moment = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    health = {"status": "healthy", "timestamp": moment, "version": "0.1.0", "database": {}}

    with strange_server(answering(http("200 OK", json.dumps(health)))) as lonely_dcm.url:
        found = examine(lonely_dcm)

    ((level, text),) = of(found, "clock")
    assert level == "warning"
    assert words in text


async def test_hooks_that_are_missing_or_point_elsewhere_are_told(dcm: Dcm) -> None:
    (dcm.home / ".claude").mkdir()
    assert "no hooks are registered" in of(examine(dcm, code=0), "hooks")[0][1]

    dcm.ok("install", "--url", "http://127.0.0.1:1")
    path = dcm.home / ".claude/settings.json"
    settings = json.loads(path.read_text())
    del settings["hooks"]["Stop"]
    settings["hooks"]["SessionStart"][0]["hooks"][0]["command"] = "/gone/dcm-hook"
    settings["disableAllHooks"] = True
    settings["allowedHttpHookUrls"] = ["https://example.org/*"]
    path.write_text(json.dumps(settings))

    told = " | ".join(text for _, text in of(examine(dcm, code=1), "hooks"))
    for words in (
        "does not tell Stop",
        "posts to http://127.0.0.1:1",
        "calls /gone/dcm-hook, which is not there",
        "disableAllHooks",
        "allowedHttpHookUrls does not name",
    ):
        assert words in told


async def test_settings_that_are_broken_are_told(dcm: Dcm) -> None:
    (dcm.home / ".claude").mkdir()
    (dcm.home / ".claude/settings.json").write_text("{")

    assert ("problem", True) in [
        (level, "not JSON" in text) for level, text in of(examine(dcm, code=1), "hooks")
    ]


async def test_events_that_wait_are_told(dcm: Dcm, lonely_hook: Hook) -> None:
    lonely_hook(tool_call())
    dcm.more = {"DCM_SPOOL": str(lonely_hook.spool)}

    ((level, text),) = of(examine(dcm, code=0), "spool")

    assert (level, text.startswith("1 events wait")) == ("warning", True)
    assert lonely_hook.waiting() == [tool_call()]


async def test_a_server_that_let_a_hook_wait_is_told(dcm: Dcm, lonely_hook: Hook) -> None:
    lonely_hook.more = {"DCM_HOOK_TIMEOUT": "0.5"}
    with strange_server(hang) as lonely_hook.url:
        lonely_hook(tool_call())
    dcm.more = {"DCM_SPOOL": str(lonely_hook.spool)}

    told = of(examine(dcm, code=0), "spool")

    assert any("in vain" in text for _, text in told)


async def test_a_home_that_cannot_be_written_is_told(dcm: Dcm) -> None:
    dcm.more = {"DCM_SPOOL": "/proc/dcm-spool"}

    ((level, text),) = of(examine(dcm, code=1), "spool")

    assert level == "problem"
    assert "cannot be written" in text


@pytest.mark.skipif(not is_root(), reason="only root may mount a small disk")
async def test_a_disk_that_is_full_is_told_and_the_hook_does_not_mind(
    dcm: Dcm, lonely_hook: Hook, small_disk: Path
) -> None:
    (small_disk / "ballast").write_bytes(b"\0" * 1_000_000)
    lonely_hook.spool = small_disk / "spool"
    dcm.more = {"DCM_SPOOL": str(lonely_hook.spool)}

    assert lonely_hook(tool_call(tool_response="x" * 60_000)) == ""
    level, text = of(examine(dcm, code=1), "spool")[0]

    assert level == "problem"
    assert "is full" in text
    (small_disk / "ballast").unlink()
    assert lonely_hook(tool_call(2)) == ""
    assert lonely_hook.waiting()[-1] == tool_call(2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1000k", "tmpfs", folder], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_secrets_that_get_through_are_told(dcm: Dcm, settings: Any) -> None:
    settings.REDACT = False

    found = of(examine(dcm, code=0), "canary")

    assert [level for level, _ in found] == ["warning", "ok"]
    assert "arrived with its secret" in found[0][1]
