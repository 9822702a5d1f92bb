"""What holds for every page: a fixed number of queries, a strict policy, a small first load."""

import gzip
import re
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from messaging.models import Message
from projects.models import Action, Request, Subtask
from tests.admin.conftest import As
from tests.admin.rows import HOSTILE, LONG, make_rows

STATIC = Path(__file__).parents[2] / "dcm" / "dashboard" / "static"
FIRST_LOAD_BYTES = 200_000
# Of each page, with what a row has for an id: the one test for those that a change forgets.
QUERIES = {
    "/": 5,
    "/activity": 1,
    "/projects": 3,
    "/projects/{project}": 7,
    "/projects/requests/{request}": 1,
    "/projects/waves/{task}": 1,
    "/projects/subtasks/{subtask}": 1,
    "/actions/{action}": 1,
    "/sessions": 3,
    "/sessions/one?id={session}": 9,
    "/sessions/brief?id={session}": 20,
    "/agents": 15,
    "/agents/one?id={agent}": 16,
    "/messages": 4,
    "/coordination": 3,
    "/coordination?session={session}": 6,
    "/routing?text=script": 7,
    "/search?q=script": 10,
}
PARTS = ("/activity", "/projects/requests", "/projects/waves", "/projects/subtasks", "/actions")
WHOLE = [path for path in QUERIES if not path.startswith((*PARTS, "/sessions/brief"))]


@pytest.fixture
def browser(database: None) -> Client:
    return Client(headers={"host": "localhost"})


def address(path: str) -> str:
    """With the ids of the newest rows."""
    request, subtask = Request.objects.latest("created_at"), Subtask.objects.latest("created_at")
    return path.format(
        project=request.project_id,
        request=request.pk,
        task=subtask.task_id,
        subtask=subtask.pk,
        action=Action.objects.latest("created_at").pk,
        session=quote(request.session_id, safe=""),
        agent=quote(subtask.agent_id or "", safe=""),
    )


def queries_of(browser: Client, path: str) -> int:
    newest = address(path)
    with CaptureQueriesContext(connection) as captured:
        response = browser.get(newest)
    assert response.status_code == 200, path
    return len(captured)


@pytest.mark.parametrize("path", QUERIES)
def test_a_page_asks_as_often_whatever_there_is(browser: Client, path: str) -> None:
    make_rows(1)
    few = queries_of(browser, path)
    make_rows(5)

    assert queries_of(browser, path) == few <= QUERIES[path]


@pytest.mark.parametrize("path", QUERIES)
def test_what_was_recorded_is_only_text(browser: Client, path: str) -> None:
    make_rows(1, LONG)
    make_rows(1, HOSTILE)

    response = browser.get(address(path))

    assert response.status_code == 200
    shown = response.content.decode()
    assert "<script>alert" not in shown
    assert not re.search("[\x1b\u202e]", re.sub("<[^>]*>", "", shown))
    assert len(shown) < 400_000


@pytest.mark.parametrize("path", WHOLE)
def test_only_what_we_serve_may_run(browser: Client, path: str) -> None:
    make_rows(1)
    response = browser.get(address(path))

    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    page = response.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", page)


@pytest.mark.parametrize("path", WHOLE)
def test_a_first_load_is_small(browser: Client, path: str) -> None:
    make_rows(10)
    page = browser.get(address(path)).content
    files = {STATIC / name for name in re.findall(r"/static/([^\"']+)", page.decode())}
    files |= set((STATIC / "dashboard").glob("*.js"))

    size = sum(len(gzip.compress(each)) for each in [page, *(f.read_bytes() for f in files)])

    assert len(files) > 5
    assert size < FIRST_LOAD_BYTES


def test_pages_only_answer_to_reads(browser: Client) -> None:
    assert browser.post("/").status_code == 405


@pytest.mark.parametrize("query", ["q=%00", "q=" + 1_001 * "x", "q=a&kind=tea", "q=a&cursor=x"])
def test_a_query_that_cannot_be_meant_is_refused(browser: Client, query: str) -> None:
    response = browser.get(f"/search?{query}")

    assert response.status_code == 400
    assert b'role="alert"' in response.content


def test_a_server_that_asks_for_keys_asks_people_who_they_are(
    browser: Client, settings: LazySettings
) -> None:
    settings.API_KEY = "secret"

    assert browser.get("/?a=b")["Location"] == "/admin/login/?next=/%3Fa%3Db"
    part = browser.get(
        "/", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/search?q=a"}
    )
    assert part.status_code == 401
    assert part["HX-Redirect"] == "/admin/login/?next=/search%3Fq%3Da"


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/agents/end-block", {"block": "tea"}, 400),
        ("/agents/end-block", {"block": "7bc0e198-08e0-4100-a5a4-8aa28273c548"}, 404),
        ("/agents/end-block", {}, 400),
        ("/coordination/answer", {"session": "s", "question": "q"}, 400),
        ("/coordination/answer", {"session": "s", "question": "q", "answer": "a"}, 404),
        ("/coordination/answer", {"session": "s", "question": "q", "answer": "\0"}, 400),
        ("/messages/compose", {"topic": "tea", "text": "a"}, 400),
        ("/messages/compose", {"topic": "task.created", "text": ""}, 400),
        ("/messages/compose", {"topic": "task.created", "text": "a", "priority": "11"}, 400),
        ("/messages/compose", {"topic": "task.created", "text": "a", "priority": "9" * 5000}, 400),
        ("/messages/compose", {"topic": "task.created", "text": 100_001 * "a"}, 400),
        ("/routing/feedback", {"tool": "Edit", "text": "a", "chosen": "maybe"}, 400),
    ],
)
def test_a_form_that_cannot_be_meant_is_refused(
    browser: Client, path: str, fields: dict[str, str], status: int
) -> None:
    response = browser.post(path, fields)

    assert response.status_code == status
    assert b'role="alert"' in response.content


@pytest.mark.parametrize("path", ["/projects/tea", "/actions/tea", "/sessions/one?id=a%00"])
def test_an_address_that_cannot_be_meant_is_refused(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 400


@pytest.mark.parametrize(
    "path",
    [f"/projects/{UUID(int=1)}", f"/actions/{UUID(int=1)}", "/sessions/one?id=a", "/agents/one"],
)
def test_what_is_not_there_is_said(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_a_form_of_another_site_is_refused(database: None) -> None:
    browser = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    browser.get("/messages")
    note = {"topic": "task.created", "text": "a"}

    assert browser.post("/messages/compose", note).status_code == 403
    token = browser.cookies["csrftoken"].value
    foreign = {"origin": "http://evil.example"}
    with_token = note | {"csrfmiddlewaretoken": token}
    assert browser.post("/messages/compose", with_token, headers=foreign).status_code == 403
    assert browser.post("/messages/compose", with_token).status_code == 302
    assert Message.objects.count() == 1


@pytest.mark.parametrize(("group", "status"), [("operator", 403), ("maintainer", 302)])
def test_who_may_look_may_not_yet_change(
    login: As, settings: LazySettings, group: str, status: int
) -> None:
    settings.API_KEY = "secret"
    browser = login(group)
    note = {"topic": "task.created", "text": "a"}

    assert browser.get("/messages").status_code == 200
    assert browser.post("/messages/compose", note).status_code == status
    senders = list(Message.objects.values_list("from_agent", flat=True))
    assert senders == ([f"mia-{group}"] if status == 302 else [])
