"""Every list and every row has a page, whatever was written into it, and lists stay quick."""

import itertools
import re
from collections.abc import Iterator

import pytest
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from projects.models import Action, LeaseBook, Project, Request, Subtask, Task
from realtime.models import EventHead
from sessions_app.models import Session
from tests.admin.rows import (
    HOSTILE,
    LONG,
    MODELS,
    list_of,
    make_old_events,
    make_rows,
    page_of,
    remove_old_events,
)
from tests.factories import make_action, make_project, make_request, make_subtask, make_task

OBEYED = re.compile("<script>alert|[\u202e\x1b]")
SENT_BACK = re.compile(r'value="[^"]*"|<textarea.*?</textarea>', re.DOTALL)
MOST_QUERIES = 8  # session, user, count, page, and what a filter or date hierarchy asks

MOST_QUERIES_OF_A_PAGE = 12  # session, user, the row, four above it, and counts of what is below


@pytest.fixture(autouse=True)
def _old_events(database: None) -> Iterator[None]:
    yield
    remove_old_events()


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    return response.content.decode()


def test_hostile_rows_are_inert_in_lists_and_on_their_pages(browser: Client) -> None:
    make_rows(1, HOSTILE)
    make_old_events(1)

    for model in MODELS:
        row = model._default_manager.order_by("pk")[0]
        for page in (text_of(browser, list_of(model, o=1)), text_of(browser, page_of(row))):
            assert not OBEYED.findall(SENT_BACK.sub("", page)), model
            assert "&lt;script&gt;alert(1)" in page or model in (EventHead, LeaseBook)


def test_hostile_rows_are_inert_where_they_are_deleted_and_in_their_history(
    browser: Client,
) -> None:
    make_rows(1, HOSTILE)

    for model in (Project, Request, Task, Subtask, Session):
        row = model._default_manager.order_by("pk")[0]
        for page in ("delete", "history"):
            assert not OBEYED.findall(SENT_BACK.sub("", text_of(browser, page_of(row, page))))


def test_long_texts_are_cut(browser: Client) -> None:
    make_rows(1, LONG)
    make_old_events(1, LONG)

    for model in MODELS:
        row = model._default_manager.order_by("pk")[0]
        assert len(text_of(browser, list_of(model))) < 100_000, model
        # What may be edited is whole.
        most = len(LONG) * (model in (Project, Task)) * 2 + 500_000
        assert len(text_of(browser, page_of(row))) < most, model


def test_lists_ask_few_questions_however_many_rows_they_show(browser: Client) -> None:
    make_rows(200, "text")
    make_old_events(200)

    for model in MODELS:
        with CaptureQueriesContext(connection) as asked:
            page = text_of(browser, list_of(model))
        assert len(asked) <= MOST_QUERIES, [query["sql"] for query in asked]
        counting = [query["sql"] for query in asked if "COUNT(*)" in query["sql"].upper()]
        assert counting, model
        assert all("LIMIT 1" in sql for sql in counting), counting
        assert page.count('class="action-select"') == (1 if model is EventHead else 100), model


def test_lists_can_be_searched_for_anything(browser: Client) -> None:
    make_rows(1, "needle in a haystack")

    for model in MODELS:
        for text in ("needle", "a'b%25\\", "00000000-0000-4000-8000-000000000000", "%00", "\u202e"):
            assert browser.get(list_of(model, q=text), follow=True).status_code == 200


def test_each_row_links_up_and_counts_what_is_below(browser: Client) -> None:
    project = make_project(path="/srv/shop")
    session = Session.objects.create(id="a/b?c", project=project)
    request = make_request(project=project, session_id=session.id)
    subtask = make_subtask(task=make_task(request=request))
    action = make_action(subtask=subtask, session_id=session.id)
    tree: list[models.Model] = [project, request, subtask.task, subtask, action]

    for above, below in itertools.pairwise(tree):
        for page in (list_of(type(above)), page_of(above)):
            down = _link_to(text_of(browser, page), list_of(type(below)))
            assert str(below.pk) in text_of(browser, down)
        for page in (list_of(type(below)), page_of(below)):
            assert f'href="{page_of(above)}"' in text_of(browser, page)
    assert f'href="{page_of(session)}"' in text_of(browser, page_of(action))
    assert str(action.pk) in text_of(
        browser, _link_to(text_of(browser, page_of(session)), list_of(Action))
    )


def test_the_rows_above_are_breadcrumbs(browser: Client) -> None:
    project = make_project(path="/srv/shop")
    request = make_request(project=project, prompt="Add a checkout")
    subtask = make_subtask(task=make_task(request=request, name="Build"))
    action = make_action(subtask=subtask)

    page = text_of(browser, page_of(action))

    crumbs = page.split('<div class="breadcrumbs">')[1].split("</div>")[0]
    rows: list[models.Model] = [project, request, subtask.task, subtask]
    places = [crumbs.index(f'href="{page_of(row)}"') for row in rows]
    assert places == sorted(places)
    for text in ("/srv/shop", "Add a checkout", "Build"):
        assert f">{text}</a>" in crumbs


def test_a_page_asks_few_questions_whatever_is_above_and_below(browser: Client) -> None:
    make_rows(3, "text")
    make_old_events(3)

    for model in MODELS:
        row = model._default_manager.order_by("pk")[0]
        with CaptureQueriesContext(connection) as asked:
            text_of(browser, page_of(row))
        assert len(asked) <= MOST_QUERIES_OF_A_PAGE, [query["sql"] for query in asked]


def _link_to(page: str, address: str) -> str:
    """The link to this list, filtered, that says 1."""
    found = re.search(rf'<a href="({re.escape(address)}\?[^"]+)">1</a>', page)
    assert found, address
    return found[1].replace("&amp;", "&")


def test_more_children_than_are_counted_show_as_many(browser: Client) -> None:
    subtask = make_subtask()
    Action.objects.bulk_create(
        Action(subtask=subtask, tool_name="Edit", tool_type="builtin") for _ in range(1_001)
    )

    assert ">1000+</a>" in text_of(browser, list_of(Subtask))
    assert ">1000+</a>" in text_of(browser, page_of(subtask))


def test_large_tables_are_counted_by_estimate(browser: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO projects_action (id, tool_name, tool_type, file_paths, exit_code,"
            " created_at) SELECT gen_random_uuid(), 'Edit', 'builtin', '{}', n % 2, now()"
            " FROM generate_series(1, 30000) AS n"
        )
        cursor.execute("ANALYZE projects_action")

    with CaptureQueriesContext(connection) as asked:
        page = text_of(browser, list_of(Action))

    assert "30000 actions" in page
    assert all("LIMIT 10001" in q["sql"] for q in asked if "COUNT(*)" in q["sql"])
    assert "10000 actions" in text_of(browser, list_of(Action, outcome="ok"))


def test_a_search_that_takes_too_long_is_given_up(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO projects_request (id, project_id, session_id, prompt, status, created_at,"
            " metadata) SELECT gen_random_uuid(), %s, 's', repeat(md5(n::text), 30000), 'active',"
            " now(), '{}' FROM generate_series(1, 60) AS n",
            [make_project().id],
        )
    options = connection.settings_dict["OPTIONS"]
    with monkeypatch.context() as hurried:
        hurried.setitem(options, "options", f"{options['options']} -c statement_timeout=100")
        connection.close()
        page = browser.get(list_of(Request, q="needle"), follow=True)
    connection.close()

    assert b"That took too long" in page.content
    assert page.content.count(b'class="action-select"') == 60


def test_work_in_progress_can_be_filtered(browser: Client) -> None:
    make_task(status="running", name="Now")
    make_task(status="completed", name="Then")

    page = text_of(browser, list_of(Task, status__exact="running"))

    assert ("Now" in page, "Then" in page) == (True, False)


def test_an_id_finds_its_row_and_what_names_it(browser: Client) -> None:
    request, other = make_request(prompt="Mine"), make_request(prompt="Yours")

    page = text_of(browser, list_of(Request, q=request.project_id))

    assert ("Mine" in page, "Yours" in page) == (True, False)
    assert other.project_id != request.project_id
    assert str(request.project_id) in text_of(browser, list_of(Project, q=request.project_id))
