"""GET /health, /livez, /stats and /stats/tools-summary. Contract: rest 5.1, 6.5.

What they answer while the database is down or hangs: tests/serve/test_outages.py.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from dcm.lib.counting import Counted
from dcm.tools_summary import count_tools
from dcm.totals import count_rows
from tests.conftest import Api


async def test_health_names_the_database_and_the_features(api: Api) -> None:
    response = await api.get("/health")

    health = response.json()
    assert (response.status_code, health["status"]) == (200, "healthy")
    assert list(health) == ["status", "timestamp", "version", "database", "features"]
    assert health["database"] == {"healthy": True, "latencyMs": health["database"]["latencyMs"]}
    assert isinstance(health["database"]["latencyMs"], int)
    assert health["features"] == {
        "phase1": "database",
        "phase2": "routing",
        "phase3": "hierarchy",
        "phase4": "pubsub",
        "phase5": "context",
        "phase6": "sessions",
        "phase7": "tools-summary",
        "phase8": "websocket-auth",
    }


async def test_health_answers_head_without_a_body(api: Api) -> None:
    response = await api.head("/health")

    assert (response.status_code, response.content) == (200, b"")


async def test_health_cannot_be_posted_to(api: Api) -> None:
    response = await api.post("/health", json={})

    assert (response.status_code, response.json()) == (404, {"error": "Not Found"})


async def test_livez_says_that_the_process_answers(api: Api) -> None:
    response = await api.get("/livez")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_stats_count_what_is_stored(api: Api) -> None:
    await api.post("/api/projects", json={"path": "/srv/shop"})
    await api.post("/api/projects", json={"path": "/srv/blog"})
    await api.post("/api/actions", json={"tool_name": "Read", "tool_type": "builtin"})

    stats = (await api.get("/stats")).json()

    timestamp = stats.pop("timestamp")
    counts = {"projectCount": 2, "requestCount": 0, "actionCount": 1, "messageCount": 0}
    assert stats == {**counts, "redactedCount": 0}
    assert timestamp.endswith("Z")


async def test_many_rows_are_counted_once_in_a_while(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcm.health.totals", Counted(count_rows))
    monkeypatch.setattr("dcm.lib.counting.MANY", 1)
    clock: Any = SimpleNamespace(now=1_000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("dcm.lib.counting.time", clock)
    replies = []
    for path in ("/srv/shop", "/srv/blog", "/srv/wiki"):
        await api.post("/api/projects", json={"path": path})
        replies.append((await api.get("/stats")).json())
    clock.now += 1.1
    replies.append((await api.get("/stats")).json())

    assert [reply["projectCount"] for reply in replies] == [1, 2, 2, 3]
    moments = [reply["timestamp"] for reply in replies]
    assert moments[1] == moments[2] < moments[3]


def put(root: Path, *paths: str, text: str = "") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


async def test_the_tools_summary_is_kept_for_a_while(
    api: Api, settings: Settings, tmp_path: Path
) -> None:
    settings.CLAUDE_HOME = tmp_path
    put(tmp_path, "commands/ship.md")
    first = (await api.get("/stats/tools-summary")).json()
    put(tmp_path, "commands/review.md")

    second = (await api.get("/stats/tools-summary")).json()

    assert (first["commands"], first["from_cache"]) == (1, False)
    assert second == {**first, "from_cache": True}


async def test_the_tools_summary_of_a_missing_folder_is_all_zero(
    api: Api, settings: Settings, tmp_path: Path
) -> None:
    settings.CLAUDE_HOME = tmp_path / "nothing"

    summary = (await api.get("/stats/tools-summary")).json()

    counts = {key: summary[key] for key in ("skills", "commands", "workflows", "plugins")}
    assert counts == {"skills": 0, "commands": 0, "workflows": 0, "plugins": 0}


def test_a_skill_is_a_real_folder_with_an_exactly_named_file(tmp_path: Path) -> None:
    put(tmp_path, "skills/one/SKILL.md", "skills/two/skill.md", "skills/three/deeper/SKILL.md")
    (tmp_path / "skills/link").symlink_to(tmp_path / "skills/one")

    assert count_tools(tmp_path)["skills"] == 1


def test_a_command_is_a_regular_markdown_file_at_any_depth(tmp_path: Path) -> None:
    put(tmp_path, "commands/a.md", "commands/x/y/b.md", "commands/.hidden/.c.md")
    put(tmp_path, "commands/D.MD", "commands/e.txt")
    (tmp_path / "commands/link.md").symlink_to(tmp_path / "commands/a.md")
    (tmp_path / "commands/folder.md").mkdir()
    (tmp_path / "commands/loop").symlink_to(tmp_path / "commands")

    assert count_tools(tmp_path)["commands"] == 3


def test_a_workflow_is_a_yaml_file_right_in_the_folder_of_templates(tmp_path: Path) -> None:
    templates = "skills/workflow/templates"
    put(tmp_path, f"{templates}/a.yaml", f"{templates}/b.yml", f"{templates}/c/d.yaml")

    assert count_tools(tmp_path)["workflows"] == 1


@pytest.mark.parametrize(
    ("installed", "count"),
    [
        ({"version": 2, "plugins": {"a": {}, "b": {}, "c": {}}}, 3),
        ({"plugins": ["a", "b"]}, 2),
        ({"plugins": None, "other": 1}, 2),
        (["a", "b", "c", "d"], 4),
        ({"a": 1}, 1),
        ({}, 0),
        ("text", 0),
        (None, 0),
    ],
)
def test_plugins_are_counted_in_each_form_of_their_file(
    tmp_path: Path, installed: Any, count: int
) -> None:
    put(tmp_path, "plugins/installed_plugins.json", text=json.dumps(installed))

    assert count_tools(tmp_path)["plugins"] == count


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000])
def test_a_broken_list_of_plugins_counts_as_none(tmp_path: Path, text: str) -> None:
    put(tmp_path, "plugins/installed_plugins.json", text=text)

    assert count_tools(tmp_path)["plugins"] == 0
