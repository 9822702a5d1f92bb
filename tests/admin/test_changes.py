"""Changes go through the services, so they are announced, and only who may can make them."""

import csv
import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpResponseBase
from django.test import Client

from dcm.lib.keys.services import create_key
from messaging.models import Block, Message, Subscription
from projects.models import Action, Lease, Project, Request, Subtask, Task
from projects.services.actions import delete_action
from realtime.models import EventHead, LoggedEvent
from sessions_app.models import Compaction, ContextEntry, CoordinatedAgent, Session
from sessions_app.services.coordinator import join_session, share_context
from tests.admin.conftest import Announced, As
from tests.admin.rows import HOSTILE, MODELS, list_of, make_rows, page_of
from tests.factories import (
    make_action,
    make_lease,
    make_message,
    make_project,
    make_request,
    make_subtask,
    make_task,
)

VIEW_ONLY = [Action, LoggedEvent, EventHead, LogEntry]


def act(browser: Client, action: str, *rows: models.Model, **more: Any) -> HttpResponseBase:
    """Choose these rows in their list, and an action for them."""
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return browser.post(list_of(type(rows[0])), chosen | more, follow=not action.startswith("ex"))


def edit(browser: Client, row: models.Model, **fields: Any) -> None:
    response = browser.post(page_of(row), fields)
    assert response.status_code == 302, response.content.decode()


def delete(browser: Client, row: models.Model) -> None:
    asked = browser.get(page_of(row, "delete"))
    assert asked.status_code == 200
    assert browser.post(page_of(row, "delete"), {"post": "yes"}).status_code == 302


def types(events: list[tuple[str, Any]]) -> list[str]:
    return [kind for kind, _ in events]


def test_revoking_a_key_is_left_to_who_may_change_and_says_who_did(login: As) -> None:
    key = create_key(name="ci", scope="agent", by="the test").key

    act(login("operator"), "revoke", key)
    key.refresh_from_db()
    assert key.revoked_at is None

    act(login("maintainer"), "revoke", key)
    key.refresh_from_db()
    assert key.revoked_by == "admin mia-maintainer"
    assert LogEntry.objects.filter(object_id=key.id, change_message="revoked").exists()


def test_ending_sessions_announces_those_that_were_open(
    browser: Client, announced: Announced
) -> None:
    session, other = Session.objects.create(id="a/b"), Session.objects.create(id=HOSTILE)

    for _ in range(2):
        act(browser, "end", session, other)

    assert types(announced()) == ["session.ended"] * 2
    assert not Session.objects.filter(ended_at__isnull=True).exists()


def test_an_event_is_announced_again_as_a_new_one(login: As, announced: Announced) -> None:
    session = Session.objects.create(id="s-1")
    act(login("maintainer"), "end", session)
    ended = LoggedEvent.objects.order_by("-seq")[0]

    act(login("operator"), "announce_again", ended)
    assert len(announced()) == 1
    act(login(), "announce_again", ended)

    first, again = announced()
    assert first == again
    newest = LoggedEvent.objects.order_by("-seq")[0]
    assert (newest.seq, newest.channels) == (ended.seq + 1, ended.channels)


def test_a_brief_is_written_anew_by_whoever_may_look(login: As, announced: Announced) -> None:
    session = Session.objects.create(id="run-1")
    make_request(session_id="run-1", prompt=f"Add a checkout {HOSTILE}")
    compaction = Compaction.objects.create(
        session_id="run-1", number=1, agent_id="backend", position="x"
    )
    browser = login("operator")

    pages = [act(browser, "write_briefs", row).content.decode() for row in (session, compaction)]  # type: ignore[attr-defined]

    for page in pages:
        assert "Add a checkout &lt;script&gt;" in page
        assert "\u202e" not in page
    assert "backend in run-1" in pages[1]
    assert announced() == []


def test_resolving_a_block_tells_the_agent(browser: Client, announced: Announced) -> None:
    block = Block.objects.create(blocked_by="lead", blocked_agent="backend")

    act(browser, "resolve", block)

    assert [(kind, data["agent_id"]) for kind, data in announced()] == [
        ("agent.unblocked", "backend")
    ]
    assert not Block.objects.exists()


def test_a_lease_can_be_released(browser: Client, announced: Announced) -> None:
    lease = make_lease(agent_id="backend")

    act(browser, "release", lease)

    assert [(kind, data["agent_id"]) for kind, data in announced()] == [
        ("lease.released", "backend")
    ]
    assert not Lease.objects.exists()


def test_a_message_can_expire_now(browser: Client, announced: Announced) -> None:
    message, other = make_message(), make_message()

    act(browser, "expire", message)

    assert [(kind, data["id"]) for kind, data in announced()] == [
        ("message.expired", str(message.id))
    ]
    assert list(Message.objects.all()) == [other]


@pytest.mark.parametrize(
    ("action", "status"), [("complete", "completed"), ("fail", "failed"), ("cancel", "cancelled")]
)
def test_requests_can_be_closed(browser: Client, action: str, status: str) -> None:
    request = make_request()

    act(browser, action, request)

    request.refresh_from_db()
    assert (request.status, request.completed_at is None) == (status, False)


@pytest.mark.parametrize(("action", "status"), [("complete", "completed"), ("fail", "failed")])
def test_waves_and_subtasks_can_be_closed(
    browser: Client, announced: Announced, action: str, status: str
) -> None:
    task, subtask = make_task(), make_subtask(status="running")

    act(browser, action, task)
    act(browser, action, subtask)

    assert types(announced()) == [f"task.{status}", f"subtask.{status}"]
    assert set(Task.objects.filter(id=task.id).values_list("status", flat=True)) == {status}


def test_an_agent_can_be_taken_off_the_list_of_its_session(
    browser: Client, announced: Announced
) -> None:
    join_session(session_id="s-1", name="Backend", role="source", repo_path="/srv/shop")

    act(browser, "take_off", CoordinatedAgent.objects.get())

    assert types(announced()) == ["agent.joined", "agent.left"]
    assert not CoordinatedAgent.objects.there("s-1").exists()


def test_an_edit_is_announced_and_leaves_what_was_not_edited(
    browser: Client, announced: Announced
) -> None:
    subtask = make_subtask(agent_id="backend", status="running")

    edit(browser, subtask, agent_id="backend", status="paused")

    assert types(announced()) == ["subtask.updated", "subtask.paused"]
    assert Subtask.objects.get().agent_id == "backend"


def test_names_can_be_edited(browser: Client) -> None:
    project, task = make_project(metadata={"a": 1}), make_task()

    edit(browser, project, name="Shop")
    edit(browser, task, name="First wave", status="pending")

    project.refresh_from_db()
    assert (project.name, project.metadata) == ("Shop", {"a": 1})
    assert Task.objects.get().name == "First wave"


def test_saving_without_an_edit_announces_nothing(browser: Client, announced: Announced) -> None:
    edit(browser, make_subtask(), agent_id="", status="pending")

    assert announced() == []


def test_deleting_is_announced_and_takes_along_what_is_below(
    browser: Client, announced: Announced
) -> None:
    subtask = make_subtask()
    make_action(subtask=subtask)
    request = subtask.task.request

    for row in (subtask, subtask.task, request, request.project, Session.objects.create(id="s")):
        delete(browser, row)

    kinds = ["subtask", "task", "request", "project", "session"]
    assert types(announced()) == [f"{kind}.deleted" for kind in kinds]
    assert not Action.objects.exists()


def test_shared_context_and_subscriptions_can_be_deleted(
    browser: Client, announced: Announced
) -> None:
    share_context(session_id="s-1", key="port", value="8000", agent_id="backend")

    delete(browser, ContextEntry.objects.get())
    delete(browser, Subscription.objects.create(agent_id="backend", topic="task.created"))

    assert types(announced()) == ["context.changed", "context.deleted"]
    assert not Subscription.objects.exists()


def test_chosen_rows_are_deleted_together(browser: Client, announced: Announced) -> None:
    first, second = make_request(), make_request()

    act(browser, "delete_selected", first, second, post="yes")

    assert types(announced()) == ["request.deleted"] * 2
    assert not Request.objects.exists()


def test_too_many_rows_at_once_are_refused(browser: Client, announced: Announced) -> None:
    project = make_project()
    requests = Request.objects.bulk_create(
        Request(project=project, session_id="s", prompt="p") for _ in range(1_001)
    )

    page = act(browser, "fail", requests[0], select_across="1")

    assert b"At most 1000 rows" in page.content  # type: ignore[attr-defined]
    assert not Request.objects.filter(status="failed").exists()


def test_history_cannot_be_changed_by_anybody(browser: Client) -> None:
    rows = [make_action(), EventHead.objects.get()]

    for row in rows:
        assert browser.post(page_of(row), {"tool_name": "Other"}).status_code == 403
        assert browser.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert Action.objects.get().tool_name == "Edit"
    delete_action(Action.objects.get().id)


# --- exports ----------------------------------------------------------------------------------


def body_of(response: HttpResponseBase) -> str:
    return b"".join(response).decode()


def test_chosen_rows_are_exported_as_json_lines(browser: Client) -> None:
    chosen, _ = make_action(input=HOSTILE, file_paths=["/a", "/b"]), make_action()

    response = act(browser, "export_as_jsonl", chosen)

    assert response["Content-Disposition"] == 'attachment; filename="action.jsonl"'
    (line,) = body_of(response).splitlines()
    row = json.loads(line)
    assert (row["id"], row["input"], row["file_paths"]) == (str(chosen.id), HOSTILE, ["/a", "/b"])


def test_everything_that_a_filter_leaves_is_exported(browser: Client) -> None:
    rows = [make_action(exit_code=number % 2) for number in range(250)]
    chosen = {"action": "export_as_jsonl", "_selected_action": [str(rows[1].pk)]}

    response = browser.post(list_of(Action, outcome="failed"), chosen | {"select_across": "1"})

    found = [json.loads(line)["id"] for line in body_of(response).splitlines()]
    assert sorted(found) == sorted(str(row.id) for row in rows if row.exit_code)


def test_csv_holds_what_a_spreadsheet_takes_for_text(browser: Client) -> None:
    action = make_action(input="=HYPERLINK(1)", output='two\nlines, "quoted"', exit_code=-1)

    response = act(browser, "export_as_csv", action)

    (row,) = csv.DictReader(body_of(response).splitlines(keepends=True))
    assert (row["input"], row["output"]) == ("'=HYPERLINK(1)", 'two\nlines, "quoted"')
    assert (row["exit_code"], row["duration_ms"], row["file_paths"]) == ("-1", "", "[]")


def test_every_kind_of_row_can_be_exported(browser: Client) -> None:
    make_rows(2)

    for model in MODELS:
        rows = list(model._default_manager.order_by("-pk")[:2])
        if rows:
            lines = body_of(act(browser, "export_as_jsonl", *rows)).splitlines()
            assert [json.loads(line) is not None for line in lines] == [True] * len(rows)
            assert body_of(act(browser, "export_as_csv", *rows))


# --- who may ----------------------------------------------------------------------------------


def test_operators_see_everything_and_change_nothing(login: As, announced: Announced) -> None:
    operator, request = login("operator"), make_request()

    assert all(operator.get(list_of(model)).status_code == 200 for model in MODELS)
    assert operator.get(page_of(request)).status_code == 200
    assert operator.post(page_of(request), {"status": "failed"}).status_code == 403
    act(operator, "fail", request)
    assert operator.post(page_of(request, "delete"), {"post": "yes"}).status_code == 403
    assert Request.objects.get().status == "active"
    assert body_of(act(operator, "export_as_jsonl", request))
    assert announced() == []


def test_maintainers_change_and_leave_deleting_to_others(login: As) -> None:
    maintainer, request = login("maintainer"), make_request()

    edit(maintainer, request, status="failed")

    assert Request.objects.get().status == "failed"
    assert maintainer.post(page_of(request, "delete"), {"post": "yes"}).status_code == 403
    assert all(maintainer.get(list_of(model)).status_code == 200 for model in MODELS)


def test_the_groups_cannot_touch_accounts(login: As) -> None:
    for group in Group.objects.filter(name__in=["operator", "maintainer"]):
        assert login(group.name).get("/admin/auth/user/").status_code == 403
        assert login_labels(group).isdisjoint({"auth", "sessions"})


def login_labels(group: Group) -> set[str]:
    return set(group.permissions.values_list("content_type__app_label", flat=True))


def test_strangers_are_asked_to_log_in(database: None) -> None:
    stranger = Client(headers={"host": "localhost"})

    for model in MODELS:
        response = stranger.get(list_of(model))
        assert (response.status_code, response["Location"][:13]) == (302, "/admin/login/")


def test_a_row_that_is_gone_meanwhile_is_said_to_be(browser: Client) -> None:
    project = make_project()
    address = page_of(project)
    Project.objects.all().delete()

    response = browser.get(address, follow=True)

    assert "exist" in response.content.decode()
