"""What PostgreSQL makes of a row is what its Output makes of it."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from dcm.lib import wire
from dcm.lib.api import Output
from dcm.lib.json_rows import as_list, can_be_json, json_row
from projects.models import Request, Subtask
from projects.serializers import (
    ActionOutput,
    ProjectOutput,
    RequestOutput,
    SubtaskOutput,
    TaskOutput,
    WholeActionOutput,
)
from sessions_app.coordinator_serializers import QuestionOutput
from tests.factories import make_action, make_project, make_request, make_subtask

HOSTILE = "a\"b\\c\n\t\x01\x7f\u2028 🙂 'x' %s {} </script> é"
JSON = {"z": 1, "a": [None, True, 1.5, 10**18, {"": HOSTILE}], "n": {}}


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("output", "make"),
    [
        (ProjectOutput, lambda: make_project(path=HOSTILE, metadata=JSON)),
        (ProjectOutput, lambda: make_project(name=None)),
        (RequestOutput, lambda: make_request(prompt=HOSTILE, metadata=JSON)),
        (RequestOutput, lambda: make_request(status=Request.Status.COMPLETED)),
        (TaskOutput, lambda: make_subtask().task),
        (
            SubtaskOutput,
            lambda: make_subtask(blocked_by=[uuid.uuid4(), uuid.uuid4()], result=JSON),
        ),
        (SubtaskOutput, lambda: make_subtask(status=Subtask.Status.RUNNING, agent_id=HOSTILE)),
        (ActionOutput, lambda: make_action(file_paths=[HOSTILE, "", "a,b"], duration_ms=2**31 - 1)),
        (
            ActionOutput,
            lambda: make_action(created_at=datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)),
        ),
        (ActionOutput, lambda: make_action(created_at=datetime(901, 1, 2, tzinfo=UTC))),
    ],
)
def test_both_ways_show_the_same(output: type[Output[Any]], make: Any) -> None:
    row = make()
    row.refresh_from_db()

    (made,) = type(row).objects.filter(pk=row.pk).values_list(json_row(output), flat=True)

    assert orjson.loads(made) == orjson.loads(wire.dump(output(row).data))
    assert list(orjson.loads(made)) == list(output(row).data)


def test_what_is_computed_is_left_to_python() -> None:
    assert can_be_json(ActionOutput)
    assert not can_be_json(WholeActionOutput)
    assert not can_be_json(QuestionOutput)


def test_ready_made_json_goes_along_with_integers_of_any_size() -> None:
    """Which stored JSON may hold, and the fast writer refuses."""
    reply = {"metadata": {"large": 10**30}, "rows": as_list(['{"n": 1}', f'{{"n": {10**25}}}'])}

    assert json.loads(wire.dump(reply)) == {
        "metadata": {"large": 10**30},
        "rows": [{"n": 1}, {"n": 10**25}],
    }
