"""Rows that travel with other statements are the rows that Django would write and read."""

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from dcm.lib.rows import columns, insert, part, row, update
from dcm.lib.statements import fetch
from projects.models import Subtask
from tests.factories import make_subtask, make_task

pytestmark = pytest.mark.usefixtures("database")

BEYOND_64_BITS = 2**70


def unsaved() -> Subtask:
    return Subtask(
        task=make_task(),
        description="It's 100 %",
        blocked_by=[make_subtask().id],
        started_at=datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC),
        context_snapshot={"n": [BEYOND_64_BITS, None, "\N{SNOWMAN}"]},
    )


def columns_of(subtask: Subtask) -> dict[str, object]:
    return {field.attname: getattr(subtask, field.attname) for field in Subtask._meta.fields}


def test_a_new_row_is_stored_with_the_commit() -> None:
    subtask = unsaved()

    with transaction.atomic():
        insert(subtask)

    assert columns_of(Subtask.objects.get(id=subtask.id)) == columns_of(subtask)


def test_only_the_fields_that_are_named_are_changed() -> None:
    subtask = make_subtask(agent_id="ag-1")
    subtask.status, subtask.agent_id, subtask.result = "running", "ag-2", {"ok": True}

    with transaction.atomic():
        update(subtask, "status", "result")

    stored = Subtask.objects.get(id=subtask.id)
    assert (stored.status, stored.agent_id, stored.result) == ("running", "ag-1", {"ok": True})


def test_a_row_is_read_as_django_reads_it() -> None:
    subtask = unsaved()
    subtask.save()

    statement = f"SELECT {columns(Subtask, 's')} FROM projects_subtask s WHERE s.id = %(id)s"
    (values,) = fetch(statement, {"id": subtask.id})

    assert columns_of(row(Subtask, values)) == columns_of(Subtask.objects.get(id=subtask.id))


def test_what_is_not_known_of_a_row_is_fetched_when_somebody_asks() -> None:
    subtask = make_subtask(description="Write it")

    with CaptureQueriesContext(connection) as made:
        known = part(Subtask, {"id": subtask.id, "agent_id": "ag-1"})
        assert known.agent_id == "ag-1"
        assert not made.captured_queries
        assert known.description == "Write it"
        assert len(made.captured_queries) == 1
