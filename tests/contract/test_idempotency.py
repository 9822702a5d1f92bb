"""The Idempotency-Key header."""

import asyncio

import pytest

from tests.conftest import Api

ACTION = {"tool_name": "Edit", "tool_type": "builtin", "session_id": "s"}
MESSAGE = {"from_agent": "a", "to_agent": "b", "topic": "task.created", "content": "x"}
WRITES = [
    ("/api/projects", {"path": "/srv/shop"}),
    ("/api/actions", ACTION),
    ("/api/messages", MESSAGE),
    ("/api/sessions", {"id": "s-1"}),
    ("/api/actions/batch", {"actions": [ACTION]}),
]


@pytest.mark.parametrize(("path", "body"), WRITES)
async def test_sending_again_repeats_the_first_reply(api: Api, path: str, body: object) -> None:
    key = {"Idempotency-Key": "k-1"}

    first = await api.post(path, json=body, headers=key)
    again = await api.post(path, json=body, headers=key)

    assert first.status_code == 201
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


async def test_many_at_once_are_one(api: Api) -> None:
    key = {"Idempotency-Key": "k-1"}

    replies = await asyncio.gather(
        *(api.post("/api/actions", json=ACTION, headers=key) for _ in range(5))
    )

    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.json()["action"]["id"] for reply in replies}) == 1
    assert len((await api.get("/api/actions")).json()["actions"]) == 1


async def test_a_key_is_for_one_request_only(api: Api) -> None:
    key = {"Idempotency-Key": "k-1"}
    await api.post("/api/actions", json=ACTION, headers=key)

    other = await api.post("/api/actions", json={**ACTION, "exit_code": 1}, headers=key)
    elsewhere = await api.post("/api/projects", json=ACTION, headers=key)

    assert (other.status_code, elsewhere.status_code) == (422, 422)
    assert other.json() == {"error": "Idempotency-Key was used with another request"}


async def test_what_was_refused_can_be_sent_again_corrected(api: Api) -> None:
    key = {"Idempotency-Key": "k-1"}

    refused = await api.post("/api/actions", json={}, headers=key)
    taken = await api.post("/api/actions", json=ACTION, headers=key)

    assert (refused.status_code, taken.status_code) == (400, 201)


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_has_a_length(api: Api, key: str) -> None:
    reply = await api.post("/api/projects", json={"path": "/p"}, headers={"Idempotency-Key": key})

    assert reply.status_code == 400
