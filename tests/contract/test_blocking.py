"""Contract: rest 5.12, aliases 7, quirks R06, R31, R35."""

import pytest

from tests.conftest import Api
from tests.contract.rest import (
    UNKNOWN,
    Row,
    bad_fields,
    block,
    error_of,
    get,
    is_wire_time,
    quoted,
)

PAIR = {"blocked_by": "ag-1", "blocked_agent": "ag-2"}
ALIASES = [
    {"blocker_agent_id": "ag-1", "blocked_agent_id": "ag-2"},
    {"blocker_id": "ag-1", "blocked_id": "ag-2"},
]


def told(row: Row) -> Row:
    """What an unblocking says about the row."""
    keys = ("id", "blocked_by", "blocked_agent", "reason")
    return {"success": True, "unblocked": {name: row[name] for name in keys}}


async def test_a_block_comes_back_as_it_was_posted(api: Api) -> None:
    body = {**PAIR, "reason": "migration 😀"}

    response = await api.post("/api/blocking", json=body)

    assert (response.status_code, response.json()["success"]) == (201, True)
    row = response.json()["blocking"]
    assert list(row) == ["id", "blocked_by", "blocked_agent", "reason", "created_at"]
    assert {name: row[name] for name in body} == body
    assert is_wire_time(row["created_at"])


async def test_blocking_again_keeps_the_row_and_replaces_the_reason(api: Api) -> None:
    first = await block(api, reason="migration")

    again = await block(api)

    assert again == {**first, "reason": None}


@pytest.mark.parametrize("reason", ["", "x" * 500, "😀" * 500, None])
async def test_a_reason_has_at_most_500_characters(api: Api, reason: str | None) -> None:
    assert (await block(api, reason=reason))["reason"] == reason


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"blocked_by": ""}, "blocked_by"),
        ({"blocked_by": None}, "blocked_by"),
        ({"blocked_agent": 5}, "blocked_agent"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": 5}, "reason"),
    ],
)
async def test_a_bad_field_is_named(api: Api, fields: Row, bad: str) -> None:
    response = await api.post("/api/blocking", json={**PAIR, **fields})

    assert bad_fields(response) == {bad}


async def test_an_agent_cannot_block_itself(api: Api) -> None:
    response = await api.post("/api/blocking", json={"blocked_by": "a", "blocked_agent": "a"})

    assert error_of(response) == (400, "An agent cannot block itself")


@pytest.mark.parametrize("body", ALIASES)
async def test_the_names_of_the_sdk_block_and_unblock(api: Api, body: Row) -> None:
    blocked = await api.post("/api/blocking", json={**body, "reason": "x"})
    unblocked = await api.post("/api/unblock", json=body)

    assert (blocked.status_code, unblocked.status_code) == (201, 200)
    assert unblocked.json() == told(blocked.json()["blocking"])


async def test_the_canonical_names_win_over_their_aliases(api: Api) -> None:
    row = await block(api, blocker_id="x", blocked_id="y", blocker_agent_id="z")

    assert (row["blocked_by"], row["blocked_agent"]) == ("ag-1", "ag-2")


async def test_an_agent_sees_who_blocks_it_and_whom_it_blocks_newest_first(api: Api) -> None:
    one = await block(api, reason="migration")
    two = await block(api, blocked_by="ag-3")
    mine = await block(api, blocked_by="ag-2", blocked_agent="ag-1")

    reply = await get(api, "/api/blocking/ag-2")

    assert reply == {
        "agent_id": "ag-2",
        "is_blocked": True,
        "blocked_by": [
            {
                "id": row["id"],
                "by_agent": row["blocked_by"],
                "reason": row["reason"],
                "since": row["created_at"],
            }
            for row in (two, one)
        ],
        "is_blocking": True,
        "blocking": [
            {"id": mine["id"], "agent": "ag-1", "reason": None, "since": mine["created_at"]}
        ],
        "summary": {"blocked_by_count": 2, "blocking_count": 1},
    }


@pytest.mark.parametrize("agent_id", ["nobody", "a/b", "ü 😀/", "check/"])
async def test_an_unknown_agent_is_free(api: Api, agent_id: str) -> None:
    assert await get(api, f"/api/blocking/{quoted(agent_id)}") == {
        "agent_id": agent_id,
        "is_blocked": False,
        "blocked_by": [],
        "is_blocking": False,
        "blocking": [],
        "summary": {"blocked_by_count": 0, "blocking_count": 0},
    }


async def test_a_pair_can_be_checked_in_one_direction(api: Api) -> None:
    await block(api)

    there = await get(api, "/api/blocking/check", blocker="ag-1", blocked="ag-2")
    back = await get(api, "/api/blocking/check", blocker="ag-2", blocked="ag-1")

    assert there == {"blocker": "ag-1", "blocked": "ag-2", "is_blocked": True}
    assert back == {"blocker": "ag-2", "blocked": "ag-1", "is_blocked": False}


@pytest.mark.parametrize("blocker", ["blocker", "blocker_id", "blocker_agent_id", "blocked_by"])
@pytest.mark.parametrize("blocked", ["blocked", "blocked_id", "blocked_agent_id", "blocked_agent"])
async def test_a_check_knows_all_names(api: Api, blocker: str, blocked: str) -> None:
    await block(api)

    reply = await get(api, "/api/blocking/check", **{blocker: "ag-1", blocked: "ag-2"})

    assert reply == {"blocker": "ag-1", "blocked": "ag-2", "is_blocked": True}


async def test_a_check_of_one_agent_asks_whether_anyone_blocks_it(api: Api) -> None:
    await block(api)

    blocked = await get(api, "/api/blocking/check", agent_id="ag-2")
    free = await get(api, "/api/blocking/check", agent_id="ag-1")

    assert blocked == {"agent_id": "ag-2", "is_blocked": True}
    assert free == {"agent_id": "ag-1", "is_blocked": False}


@pytest.mark.parametrize("query", ["", "?blocker=a", "?blocked=a", "?blocker=&blocked=a"])
async def test_a_check_needs_both_agents(api: Api, query: str) -> None:
    response = await api.get(f"/api/blocking/check{query}")

    assert error_of(response) == (400, "Missing required query params: blocker and blocked")


async def test_a_block_is_removed_once_by_its_id(api: Api) -> None:
    row = await block(api, reason="migration")

    first = await api.delete(f"/api/blocking/{row['id']}")
    again = await api.delete(f"/api/blocking/{row['id']}")

    assert (first.status_code, first.json()) == (200, told(row))
    assert error_of(again) == (404, "Blocking record not found")


async def test_a_block_is_removed_once_by_its_pair(api: Api) -> None:
    row = await block(api)

    back = await api.post("/api/unblock", json={"blocked_by": "ag-2", "blocked_agent": "ag-1"})
    first = await api.post("/api/unblock", json=PAIR)
    again = await api.post("/api/unblock", json=PAIR)

    assert (first.status_code, first.json()) == (200, told(row))
    for response in (back, again):
        assert error_of(response) == (404, "Blocking record not found")


async def test_an_unknown_block_is_not_found(api: Api) -> None:
    response = await api.delete(f"/api/blocking/{UNKNOWN}")

    assert error_of(response) == (404, "Blocking record not found")


@pytest.mark.parametrize("body", [{}, {"blocked_by": "", "blocked_agent": 5}])
async def test_unblocking_needs_both_agents(api: Api, body: Row) -> None:
    response = await api.post("/api/unblock", json=body)

    assert bad_fields(response) == {"blocked_by", "blocked_agent"}
