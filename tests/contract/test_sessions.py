"""Contract: rest 5.9, aliases 7, quirks R06, R07, R10, R24, R25, R26."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dcm.lib.threads import in_thread
from tests.conftest import Api
from tests.contract.rest import (
    UNKNOWN,
    Row,
    bad_fields,
    error_of,
    get,
    ids,
    is_wire_time,
    post_project,
    post_request,
    post_session,
    quoted,
)
from tests.factories import make_request

COUNTERS = ["total_tools_used", "total_success", "total_errors"]


async def patch(api: Api, session: Row, **changes: Any) -> Row:
    response = await api.patch(f"/api/sessions/{session['id']}", json=changes)
    assert response.status_code == 200, response.text
    row: Row = response.json()["session"]
    assert response.json() == {**row, "success": True, "session": row}
    return row


async def test_a_session_comes_back_bare_and_wrapped(api: Api) -> None:
    body = {
        "id": "s-1",
        "project_id": (await post_project(api))["id"],
        "started_at": "2026-03-04T05:06:07.089Z",
        "ended_at": "2026-03-04T06:06:07.000Z",
        "total_tools_used": 3,
        "total_success": 2,
        "total_errors": 1,
    }

    response = await api.post("/api/sessions", json=body)

    assert (response.status_code, response.json()) == (
        201,
        {**body, "success": True, "session": body},
    )
    found = await get(api, "/api/sessions/s-1")
    assert found.pop("injections")["times"] == 0  # beyond the contract
    assert found == {**body, "session": body, "requests": []}


async def test_what_is_absent_or_null_has_a_default(api: Api) -> None:
    bare = await post_session(api)
    nulls = await post_session(
        api, **dict.fromkeys(["project_id", "started_at", "ended_at", *COUNTERS])
    )

    for session in (bare, nulls):
        assert is_wire_time(session["started_at"])
        assert (session["project_id"], session["ended_at"]) == (None, None)
        assert [session[name] for name in COUNTERS] == [0, 0, 0]


async def test_the_id_may_be_named_session_id(api: Api) -> None:
    response = await api.post("/api/sessions", json={"session_id": "s-1", "cwd": "/", "model": "x"})

    assert (response.status_code, response.json()["id"]) == (201, "s-1")
    assert (await post_session(api, id="s-2", session_id="s-3"))["id"] == "s-2"


@pytest.mark.parametrize("session_id", ["a/b", " a b ", "ü😀?#", "a%2Fb", "A", ".", "s/", "a\nb\n"])
async def test_an_id_is_any_text(api: Api, session_id: str) -> None:
    session = await post_session(api, id=session_id)

    shown = await get(api, f"/api/sessions/{quoted(session_id)}")

    assert (session["id"], shown["id"]) == (session_id, session_id)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-03-04T05:06:07Z", "2026-03-04T05:06:07.000Z"),
        ("2026-03-04T05:06:07.0894Z", "2026-03-04T05:06:07.089Z"),
        ("2026-03-04T05:06:07+02:30", "2026-03-04T02:36:07.000Z"),
    ],
)
async def test_times_are_kept_in_utc_with_three_digits(api: Api, given: str, kept: str) -> None:
    session = await post_session(api, started_at=given)

    assert session["started_at"] == kept


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"id": ""}, "id"),
        ({"id": None}, "id"),
        ({"id": 5}, "id"),
        ({"started_at": "2026-03-04"}, "started_at"),
        ({"started_at": "2026-03-04T05:06Z"}, "started_at"),
        ({"started_at": "2026-03-04T05:06:07"}, "started_at"),
        ({"started_at": "2026-13-04T05:06:07Z"}, "started_at"),
        ({"ended_at": 1772600767089}, "ended_at"),
        ({"total_tools_used": -1}, "total_tools_used"),
        ({"total_success": "1"}, "total_success"),
        ({"total_errors": 1.5}, "total_errors"),
    ],
)
async def test_a_bad_field_is_named(api: Api, fields: Row, bad: str) -> None:
    response = await api.post("/api/sessions", json={"id": "s-1", **fields})

    assert bad_fields(response) == {bad}


async def test_an_id_is_taken_once(api: Api) -> None:
    await post_session(api, id="s-1")

    response = await api.post("/api/sessions", json={"id": "s-1"})

    assert response.status_code == 409
    assert response.json() == {"error": "Session already exists", "id": "s-1"}


async def test_an_unknown_project_is_named(api: Api) -> None:
    response = await api.post("/api/sessions", json={"id": "s-1", "project_id": UNKNOWN})

    assert error_of(response) == (404, f"Project not found: {UNKNOWN}")


async def test_the_list_is_by_start_and_pages(api: Api) -> None:
    for day in (2, 3, 1):
        await post_session(api, id=f"s-{day}", started_at=f"2026-03-0{day}T00:00:00Z")

    page = await get(api, "/api/sessions", limit=2, offset=1)

    rows = page.pop("sessions")
    assert page.pop("next_cursor")
    assert [row["id"] for row in rows] == ["s-2", "s-1"]
    assert page == {"count": 2, "total": 3, "limit": 2, "offset": 1}
    shown = await get(api, "/api/sessions/s-2")
    assert rows[0] == shown["session"]


async def test_the_total_counts_what_the_filters_leave(api: Api) -> None:
    project = (await post_project(api))["id"]
    ended = "2026-03-04T05:06:07Z"
    await post_session(api, id="a", project_id=project)
    await post_session(api, id="b", project_id=project, ended_at=ended)
    await post_session(api, id="c")

    async def found(**query: str) -> tuple[list[str], int]:
        listed = await ids(api, "/api/sessions", "sessions", **query)
        return sorted(listed), (await get(api, "/api/sessions", **query))["total"]

    assert await found() == (["a", "b", "c"], 3)
    assert await found(active_only="true") == (["a", "c"], 2)
    assert await found(project_id=project) == (["a", "b"], 2)
    assert await found(project_id=project, active_only="true") == (["a"], 1)
    assert await found(project_id=UNKNOWN) == ([], 0)


@pytest.mark.parametrize("text", ["", "1", "TRUE", "false", "yes"])
async def test_only_the_text_true_leaves_out_what_has_ended(api: Api, text: str) -> None:
    await post_session(api, ended_at="2026-03-04T05:06:07Z")

    assert (await get(api, "/api/sessions", active_only=text))["total"] == 1


async def test_stats_sum_up_all_sessions_in_numbers(api: Api) -> None:
    project = await post_project(api, path="/srv/shop", name="Shop")
    counts = {"total_success": 4, "total_errors": 1}
    for number, used in [(1, 10), (2, 10)]:
        await post_session(
            api,
            project_id=project["id"],
            started_at=f"2026-03-0{number}T00:00:00Z",
            total_tools_used=used,
            **counts,
        )
    ended = {"started_at": "2026-03-03T00:00:00Z", "ended_at": "2026-03-04T00:00:00Z"}
    await post_session(api, total_tools_used=65, **ended)

    stats = await get(api, "/api/sessions/stats")

    assert is_wire_time(stats.pop("timestamp"))
    assert stats == {
        "overview": {
            "total_sessions": 3,
            "active_sessions": 2,
            "total_tools": 85,
            "total_success": 8,
            "total_errors": 2,
            "avg_tools_per_session": 28.33,
            "oldest_session": "2026-03-01T00:00:00.000Z",
            "newest_session": "2026-03-03T00:00:00.000Z",
        },
        "by_project": [
            {
                "project_name": "Shop",
                "project_path": "/srv/shop",
                "session_count": 2,
                "total_tools": 20,
            },
            {
                "project_name": None,
                "project_path": None,
                "session_count": 1,
                "total_tools": 65,
            },
        ],
    }


async def test_stats_of_no_sessions_are_null_where_there_is_nothing_to_sum(api: Api) -> None:
    stats = await get(api, "/api/sessions/stats")

    overview = stats["overview"]
    assert (overview.pop("total_sessions"), overview.pop("active_sessions")) == (0, 0)
    assert set(overview.values()) == {None}
    assert stats["by_project"] == []


async def test_stats_list_ten_projects(api: Api) -> None:
    for _ in range(11):
        await post_session(api, project_id=(await post_project(api))["id"])

    assert len((await get(api, "/api/sessions/stats"))["by_project"]) == 10


async def test_one_session_shows_its_newest_20_requests(api: Api) -> None:
    await post_session(api, id="s-1")
    for _ in range(20):
        await in_thread(make_request, session_id="s-1")
    newest = await post_request(api, session_id="s-1", prompt_type="debug")
    await post_request(api, session_id="S-1")

    shown = (await get(api, "/api/sessions/s-1"))["requests"]

    keys = ["id", "prompt", "prompt_type", "status", "created_at"]
    assert len(shown) == 20
    assert shown[0] == {name: newest[name] for name in keys}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_session_is_not_found(api: Api, method: str) -> None:
    response = await api.request(method, "/api/sessions/unknown", json={"total_errors": "bad"})

    assert error_of(response) == (404, "Session not found")


async def test_counters_are_set_and_not_added(api: Api) -> None:
    session = await post_session(api, total_tools_used=9, total_success=9)

    patched = await patch(api, session, total_tools_used=5, total_errors=0)

    assert patched == {**session, "total_tools_used": 5}


async def test_a_counter_may_be_text_that_looks_like_an_integer(api: Api) -> None:
    session = await post_session(api)

    patched = await patch(api, session, total_tools_used="12", total_success=3.0)

    assert (patched["total_tools_used"], patched["total_success"]) == (12, 3)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-03-04T05:06:07.089Z", "2026-03-04T05:06:07.089Z"),
        ("2026-03-04T05:06:07-01:00", "2026-03-04T06:06:07.000Z"),
        ("2026-03-04", "2026-03-04T00:00:00.000Z"),
        (1772600767089, "2026-03-04T05:06:07.089Z"),
    ],
)
async def test_an_end_is_a_timestamp_a_date_or_milliseconds(
    api: Api, given: object, kept: str
) -> None:
    session = await post_session(api)

    assert await patch(api, session, ended_at=given) == {**session, "ended_at": kept}


@pytest.mark.parametrize("name", ["ended_at", *COUNTERS])
async def test_a_null_leaves_a_session_unchanged(api: Api, name: str) -> None:
    session = await post_session(api, ended_at="2026-03-04T05:06:07.089Z", total_success=5)

    assert await patch(api, session, **{name: None}) == session


@pytest.mark.parametrize("body", [{}, {"project_id": UNKNOWN, "started_at": "x", "id": "x"}])
async def test_an_update_of_nothing_is_refused(api: Api, body: Row) -> None:
    session = await post_session(api)

    response = await api.patch(f"/api/sessions/{session['id']}", json=body)

    assert error_of(response) == (400, "No fields to update")


@pytest.mark.parametrize(
    "body",
    [
        {"total_tools_used": -1},
        {"total_success": "-1"},
        {"total_errors": 1.5},
        {"total_errors": "many"},
        {"total_errors": True},
        {"total_tools_used": 2**31},
        {"total_tools_used": "9999999999"},
        {"ended_at": True},
        {"ended_at": ""},
        {"ended_at": "tomorrow"},
        {"ended_at": "2026-02-30"},
        {"ended_at": 10**30},
        {"ended_at": []},
    ],
)
async def test_a_bad_update_is_refused_by_field(api: Api, body: Row) -> None:
    session = await post_session(api)

    response = await api.patch(f"/api/sessions/{session['id']}", json=body)

    assert bad_fields(response) == set(body)


async def test_a_deleted_session_leaves_its_requests_behind(api: Api) -> None:
    await post_session(api, id="s-1")
    request = await post_request(api, session_id="s-1")

    response = await api.delete("/api/sessions/s-1")

    assert (response.status_code, response.content) == (204, b"")
    assert error_of(await api.get("/api/sessions/s-1")) == (404, "Session not found")
    assert await ids(api, "/api/requests", "requests", session_id="s-1") == [request["id"]]


async def test_the_start_is_now_unless_given(api: Api) -> None:
    before = datetime.now(UTC).isoformat(timespec="milliseconds")

    session = await post_session(api)

    assert session["started_at"] >= before.replace("+00:00", "Z")
