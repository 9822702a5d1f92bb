"""Full-text search: what is found, in which order, by whom, and how it is shown."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from dcm.lib.text_search import words_of
from dcm.lib.threads import in_thread
from sessions_app.search import KINDS, Wanted
from sessions_app.search import search as find
from sessions_app.search.terms import parse_terms
from tests.conftest import Api, Server
from tests.contract.rest import (
    UNKNOWN,
    post_action,
    post_message,
    post_project,
    post_request,
    post_session,
    post_subtask,
    post_task,
)
from tests.factories import make_action, make_message

Row = dict[str, Any]


async def search(api: Api, q: str, **query: Any) -> list[Row]:
    response = await api.get("/api/search", params={"q": q, **query})
    assert response.status_code == 200, response.text
    results: list[Row] = response.json()["results"]
    return results


async def found_inputs(api: Api, q: str, **query: Any) -> set[str]:
    """The excerpts, whole."""
    return {text_of(row) for row in await search(api, q, **query)}


def text_of(row: Row) -> str:
    return "".join(part["text"] for part in row["excerpt"])


def matches(row: Row) -> list[str]:
    return [part["text"] for part in row["excerpt"] if part["is_match"]]


async def share_everything(api: Api, word: str) -> None:
    """One row of each kind with this word in it, all of session s-1."""
    request = await post_request(api, session_id="s-1", prompt=f"Ask {word}")
    task = await post_task(api, request_id=request["id"])
    subtask = await post_subtask(api, task_id=task["id"], description=f"Do {word}")
    await post_action(api, subtask_id=subtask["id"], input=f"Act {word}")
    await post_message(api, content=f"Say {word}")
    joined = await api.post(
        "/api/sessions/s-1/agents", json={"name": "api", "role": "source", "repo_path": "/srv"}
    )
    agent = joined.json()["agent"]["id"]
    base = "/api/sessions/s-1"
    await api.put(f"{base}/context/auth", json={"value": f"Share {word}", "agent_id": agent})
    asked = await api.post(
        f"{base}/questions", json={"question": f"Which {word}?", "agent_id": agent}
    )
    question = asked.json()["question"]["id"]
    await api.post(
        f"{base}/questions/{question}/answer", json={"answer": f"This {word}", "agent_id": agent}
    )
    await api.post(
        f"{base}/decisions", json={"decision": f"Take {word}", "rationale": "", "agent_id": agent}
    )


async def test_every_kind_is_found(api: Api) -> None:
    await share_everything(api, "quokka")

    found = await search(api, "quokka")

    assert {row["kind"] for row in found} == set(KINDS)
    assert all(matches(row) == ["quokka"] for row in found)


async def test_only_the_kinds_that_were_asked_for_are_found(api: Api) -> None:
    await share_everything(api, "quokka")

    found = await search(api, "quokka", kinds="action, decision")

    assert {row["kind"] for row in found} == {"action", "decision"}
    labels = {row["kind"]: row["label"] for row in await search(api, "quokka")}
    assert labels["action"] == "Edit"
    assert labels["entry"] == "auth"
    assert labels["question"] == "answered"
    assert labels["message"] == "task.created"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ('{"file_path":"/srv/src/api/users.py"}', "src/api/users.py"),
        ('{"file_path":"/srv/src/api/users.py"}', "users.py"),
        ('{"file_path":"/srv/src/api/users.py"}', "api users"),
        ("const x = getUserById(7)", "getUserById"),
        ("const x = getUserById(7)", "getuserbyid"),
        ("def load_all_users():", "load_all_users"),
        ("def load_all_users():", "users"),
        ("x = Map<String, List>()", "list"),
        ("git commit --no-verify && make", "--no-verify"),
        ("curl http://127.0.0.1:3847/api/health?deep=1", "127.0.0.1"),
        ("mail lead@example.org", "example"),
        (r'{"command":"cd /srv\nnpm test"}', "npm test"),
        ("the tests failed", "failing test"),
        ("Größe der Täbelle", "größe"),
        ("v1.2.3-rc1 of django-stubs", "v1.2.3-rc1"),
        ("поиск по тексту", "тексту"),
    ],
)
async def test_code_paths_and_words_are_found(api: Api, text: str, query: str) -> None:
    await post_action(api, input=text)
    await post_action(api, input="something else entirely")

    assert await found_inputs(api, query) == {text}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("red green", {"red green blue", "green red"}),
        ('"red green"', {"red green blue"}),
        ('"red green', {"red green blue"}),
        ("red-green", {"red green blue"}),
        ("red -blue", {"green red"}),
        ("blue or yellow", {"red green blue", "yellow"}),
        ("the", set()),
        ("-red", set()),
        ("yellow or -red", set()),
        ("!!! ((", set()),
        ('""', set()),
        ("  ", set()),
        ("or or or", set()),
        ("-", set()),
        ("\\", set()),
        ("' | & !:*<-> red", {"red green blue", "green red"}),
    ],
)
async def test_what_a_query_means(api: Api, query: str, expected: set[str]) -> None:
    for text in ("red green blue", "green red", "yellow", "the"):
        await post_action(api, input=text)

    assert await found_inputs(api, query) == expected


async def test_texts_that_are_more_about_it_come_first(api: Api) -> None:
    await post_action(api, input="login login login form")
    await post_action(api, input="a login among many other words that say other things")

    texts = [text_of(row) for row in await search(api, "login")]

    assert texts[0] == "login login login form"


async def test_of_equal_ones_the_newest_comes_first(api: Api) -> None:
    for n in range(3):
        await post_action(api, input="login form", tool_name=f"T{n}")

    assert [row["label"] for row in await search(api, "login")] == ["T2", "T1", "T0"]


async def test_pages_neither_skip_nor_repeat_a_row(api: Api) -> None:
    for n in range(25):
        await post_action(api, input=f"login {'form ' * (n % 4)}", tool_name=f"T{n}")
    seen: list[str] = []
    query: Row = {"q": "login", "limit": 4}

    while True:
        reply = (await api.get("/api/search", params=query)).json()
        seen += [row["label"] for row in reply["results"]]
        await post_action(api, input="login", tool_name="added meanwhile")
        if reply["next_cursor"] is None:
            break
        query["cursor"] = reply["next_cursor"]

    assert sorted(seen) == sorted(f"T{n}" for n in range(25))


async def test_a_search_keeps_to_project_session_agent_and_time(api: Api) -> None:
    project = await post_project(api, path="/srv/a")
    other = await post_request(api, session_id="s-2", prompt="login there")
    request = await post_request(api, project_id=project["id"], session_id="s-1", prompt="login")
    task = await post_task(api, request_id=request["id"])
    subtask = await post_subtask(
        api, task_id=task["id"], agent_id="backend", description="login form"
    )
    await post_action(api, subtask_id=subtask["id"], input="login action")
    await post_action(api, project_path="/srv/a", input="login by path")
    await post_action(api, session_id="s-1", input="login by session")
    await post_message(api, project_id=project["id"], content="login message")

    async def texts(**query: Any) -> set[str]:
        return await found_inputs(api, "login", **query)

    tree = {"login", "login form", "login action"}
    message = '{"message": "login message"}'
    assert await texts(project_id=project["id"]) == {*tree, "login by path", message}
    assert await texts(session_id="s-1") == {*tree, "login by session"}
    assert await texts(agent_id="backend") == tree
    assert await texts(session_id="s-2") == {"login there"}
    assert await texts(project_id=UNKNOWN) == set()
    assert await texts(until=other["created_at"]) == set()
    assert len(await texts(since=request["created_at"])) == 6
    action = (await search(api, "login", kinds="action", agent_id="backend"))[0]
    assert (action["session_id"], action["project_id"]) == ("s-1", project["id"])


async def test_a_session_brings_its_project(api: Api) -> None:
    project = await post_project(api)
    await post_session(api, id="s-1", project_id=project["id"])
    await share_everything(api, "quokka")

    found = await search(api, "quokka", project_id=project["id"])

    assert {row["kind"] for row in found} == {"entry", "question", "answer", "decision"}
    assert {row["session_id"] for row in found} == {"s-1"}


async def test_direct_messages_are_found_by_those_between_whom_they_went(api: Api) -> None:
    await post_message(api, from_agent="lead", to_agent="backend", content="secret plan")
    await post_message(api, from_agent="lead", content="open plan")

    async def texts(**query: Any) -> int:
        return len(await search(api, "plan", **query))

    assert await texts() == 1
    assert await texts(reader="backend") == 2
    assert await texts(reader="lead") == 2
    assert await texts(reader="frontend") == 1
    assert await texts(agent_id="backend") == 1
    assert await texts(agent_id="backend", reader="frontend") == 0


async def test_expired_messages_are_not_found(api: Api) -> None:
    await in_thread(make_message, content={"n": "plan"}, expires_in=timedelta(seconds=-1))

    assert await search(api, "plan") == []


async def test_the_excerpt_shows_the_place_as_it_was_stored(api: Api) -> None:
    text = f"{'filler ' * 60}<script>alert('Users')</script> {'more ' * 60}"
    await post_action(api, input=text)

    (row,) = await search(api, "user")

    assert matches(row) == ["Users"]
    assert text_of(row) in text
    assert len(text_of(row)) == 240
    assert "<script>alert('" in text_of(row)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 900_000,
        "needle " + " ".join(f"w{n}" for n in range(120_000)),
        "needle " + "ab " * 300_000,
        "needle " + "ü" * 400_000,
        "needle " + "a/b.c-d" * 100_000,
    ],
)
async def test_no_text_is_too_large_to_be_stored(api: Api, text: str) -> None:
    await share_large(api, text)

    found = await search(api, "needle") if text.startswith("needle") else []
    assert len(found) == (4 if text.startswith("needle") else 0)


async def share_large(api: Api, text: str) -> None:
    await post_action(api, input=text)
    request = await post_request(api, prompt=text)
    task = await post_task(api, request_id=request["id"])
    await post_subtask(api, task_id=task["id"], description=text)
    await post_message(api, content=text)


async def test_what_comes_after_the_first_characters_is_not_found(api: Api) -> None:
    await post_action(api, input="word " * 500 + "needle")

    assert await search(api, "needle") == []


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, "Missing required query parameter: q"),
        ({"q": ""}, "Missing required query parameter: q"),
        ({"q": "a\0b"}, None),
        ({"q": "x" * 1_001}, None),
        ({"q": "x", "kinds": "action,tea"}, None),
        ({"q": "x", "kinds": ","}, None),
        ({"q": "x", "project_id": "tea"}, None),
        ({"q": "x", "since": "yesterday"}, None),
        ({"q": "x", "limit": "0"}, None),
        ({"q": "x", "limit": "101"}, None),
        ({"q": "x", "cursor": "tea"}, None),
        ({"q": "x", "cursor": "WzUsIjIwMjYtMDMtMDRUMDU6MDY6MDciXQ"}, None),
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(
    api: Api, query: dict[str, str], error: str | None
) -> None:
    response = await api.get("/api/search", params=query)

    assert response.status_code == 400
    assert response.json()["error"] == (error or "Invalid query parameters")


async def test_a_cursor_of_another_list_is_refused(api: Api) -> None:
    await post_action(api, input="login")
    cursor = (await api.get("/api/actions", params={"limit": 1})).json()["next_cursor"]

    response = await api.get("/api/search", params={"q": "login", "cursor": cursor})

    assert response.status_code == 400


async def test_a_query_of_a_megabyte_is_refused(server: Server) -> None:
    url = f"{server.url}/api/search?q={'x' * 1_000_000}"

    with pytest.raises(HTTPError) as refused:
        await in_thread(urlopen, url)

    with refused.value:
        assert 400 <= refused.value.code < 500


async def test_a_search_takes_four_queries(api: Api) -> None:
    for n in range(30):
        await in_thread(make_action, input=f"login {n}")

    assert await in_thread(count_queries, "login", 5) == 4
    assert await in_thread(count_queries, "login", 30) == 4


def count_queries(text: str, limit: int) -> int:
    with CaptureQueriesContext(connection) as captured:
        found, _ = find(Wanted(text=text, limit=limit))
    assert len(found) == limit
    return sum(each["sql"] not in ("BEGIN", "COMMIT") for each in captured.captured_queries)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_its_index(database: None, name: str) -> None:
    kind = KINDS[name]

    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT 1 FROM {kind.table} t WHERE {kind.words} @@ 'tea'::tsquery")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")

    assert "_words" in plan, plan


def test_words_are_parted_alike_in_texts_and_queries() -> None:
    assert parse_terms("src/api/users.py").query == '"src api users py"'
    assert parse_terms('-"a b" or c').query == '-"a b" or "c"'
    assert parse_terms('-"a b" "c d" -e').loose == '"c" "d" -"e"'
    assert parse_terms("-no yes").words == ["yes"]
    assert words_of("input", 5).startswith("to_tsvector('english', replace(")


def test_a_page_of_the_past_has_the_time_of_the_first(database: None) -> None:
    make_action(input="login", created_at=datetime(2100, 1, 1, tzinfo=UTC))

    assert find(Wanted(text="login"))[0] == []


hostile = st.lists(
    st.sampled_from(['"', "-", "or", "OR ", " ", "login", "'", "\\", "(", ":*", "&", "|", "!", "é"])
    | st.text(max_size=8),
    max_size=12,
).map("".join)


@given(hostile)
def test_any_text_can_be_looked_for(api_client: httpx.Client, text: str) -> None:
    response = api_client.get("/api/search", params={"q": text})

    assert response.status_code in (200, 400), response.text


@pytest.fixture(scope="module")
def api_client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10) as client:
        client.post(
            "/api/actions", json={"tool_name": "T", "tool_type": "mcp", "input": "login é or"}
        )
        yield client
