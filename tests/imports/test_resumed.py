"""An import of 100,000 rows, killed on the way and taken up again."""

import os
import subprocess
import sys
import time
from collections import Counter

import pytest
from django.db import connection

from dcm.imports.models import ImportedTable
from messaging.models import Block, Message, Subscription
from projects.models import Action, Project, Request, Subtask, Task
from routing.models import KeywordToolScore
from sessions_app.models import Session
from tests.imports.original import ACTIONS, ROWS, SESSIONS, Original, address
from tests.imports.test_import import events_after, figures, imported, last_event
from tests.serve.serving import ROOT

MODELS = [
    *(Project, Request, Task, Subtask, Action),
    *(Session, Message, Subscription, Block, KeywordToolScore),
]


pytestmark = pytest.mark.timeout(360)  # a busy machine takes its time for so many rows


def begin(original: Original) -> "subprocess.Popen[str]":
    """The command in a process of its own, on the database of the tests."""
    ours = address(connection.settings_dict["NAME"])
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_dcm", "--database-url", original.url],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": ours},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_actions(process: "subprocess.Popen[str]", count: int) -> None:
    deadline = time.monotonic() + 120
    while Action.objects.count() < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_import_that_was_killed_goes_on(large: Original) -> None:
    seq = last_event()
    process = begin(large)
    wait_for_actions(process, 10_000)

    process.kill()
    process.communicate(timeout=20)
    kept = Action.objects.count()
    told = imported(large.url)

    assert 10_000 <= kept < ACTIONS
    assert figures(told)["actions"] == [ACTIONS, ACTIONS, 0, ACTIONS, 0]
    assert sum(model._default_manager.count() for model in MODELS) == ROWS
    counted = Session.objects.values_list("total_tools_used", "total_errors")
    per_session = Counter(counted)
    assert sum(used for used, _ in per_session.elements()) == ACTIONS
    assert len({used for used, _ in per_session}) == 1
    assert per_session.total() == SESSIONS
    events = events_after(seq)
    assert [name for name, _ in events] == ["rows.imported"] * len(MODELS)
    assert sum(data["count"] for _, data in events) == ROWS
    assert not ImportedTable.objects.filter(finished_at=None).exists()


def test_an_import_that_is_asked_to_stop_says_how_to_go_on(large: Original) -> None:
    process = begin(large)
    wait_for_actions(process, 1)

    process.terminate()
    _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "stopped; run the same command again to go on" in said
    unfinished = ImportedTable.objects.get(table="actions")
    assert (unfinished.finished_at, unfinished.read) == (None, Action.objects.count())
