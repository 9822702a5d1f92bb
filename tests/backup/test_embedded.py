"""The same with the PostgreSQL that `serve` brings, which a command starts when no server does."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.conftest import Kept
from tests.backup.contents import contents, manage_badly, manage_well, paths_of_projects
from tests.serve.serving import ROOT, Serving, database_url, environment, temporary_home

KILLED_IN_BETWEEN = """
import os, signal, sys, django
django.setup()
from pathlib import Path
from dcm.backup import programs, restore
restore._refuse_newer = lambda: os.kill(os.getpid(), signal.SIGKILL)
with programs.reachable_database():
    restore.restore(Path(sys.argv[1]), replace=True, tell=print)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


def test_backup_and_restore_start_the_database_when_it_is_not_running(
    home: Path, kept: Kept
) -> None:
    again = home / "again.dump"

    manage_well(home / "data", "restore", str(kept.file))
    manage_well(home / "data", "backup", str(again))
    with Serving(home / "data") as serving:
        in_use = manage_badly(home / "data", "restore", str(again), "--force")
        after = contents(database_url(home / "data"))
        assert serving.http.get("/health").status_code == 200

    assert "stop every server" in in_use
    assert after["projects_action"] == kept.before["projects_action"]


def test_the_start_after_a_killed_restore_puts_everything_back(home: Path, kept: Kept) -> None:
    with Serving(home) as serving:
        serving.http.post("/api/projects", json={"path": "/srv/other"})

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_BETWEEN, str(kept.file)],
        cwd=ROOT,
        env=environment(home, DJANGO_SETTINGS_MODULE="dcm.settings"),
        check=False,
        timeout=60,
    )
    with Serving(home) as serving:
        paths = paths_of_projects(serving)
        tables = contents(database_url(home))

    assert killed.returncode == -signal.SIGKILL
    assert paths == ["/srv/other"]
    assert tables["projects_action"][0] == 0
