"""The coordinator over REST. Its tRPC side is in tests/trpc."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from dcm.lib.threads import in_thread
from sessions_app.services import coordinator
from tests.conftest import Api, Listen
from tests.sockets import Frame, Listener

ROOM = "/api/sessions/run-1"


async def join(api: Api, name: str = "api-side", room: str = ROOM) -> str:
    body = {"name": name, "role": "source", "repo_path": "/srv/api"}
    joined = await api.post(f"{room}/agents", json=body)
    assert joined.status_code == 201
    return str(joined.json()["agent"]["id"])


async def put(api: Api, key: str, value: str, **headers: str) -> int:
    body = {"value": value, "agent_id": "backend", "tags": ["build"]}
    reply = await api.put(f"{ROOM}/context/{key}", json=body, headers=headers)
    return reply.status_code


async def test_agents_are_listed_in_join_order_until_they_leave(api: Api) -> None:
    first, second = await join(api, "first"), await join(api, "second")

    listed = (await api.get(f"{ROOM}/agents")).json()
    left = await api.delete(f"{ROOM}/agents/{first}")
    again = await api.delete(f"{ROOM}/agents/{first}")

    assert [agent["id"] for agent in listed["agents"]] == [first, second]
    assert listed["agents"][0]["repo_path"] == "/srv/api"
    assert (left.status_code, again.status_code) == (204, 404)
    assert again.json() == {"error": "Agent not found"}
    remaining = (await api.get(f"{ROOM}/agents")).json()["agents"]
    assert [agent["name"] for agent in remaining] == ["second"]


async def test_sessions_do_not_see_each_other(api: Api) -> None:
    await join(api)
    await put(api, "target", "wasm")

    other = "/api/sessions/run-2"

    assert (await api.get(f"{other}/agents")).json()["agents"] == []
    assert (await api.get(f"{other}/context/target")).status_code == 404


async def test_a_shared_entry_is_found_by_key_tag_and_prefix(api: Api) -> None:
    await put(api, "auth/flow", "PKCE")
    await put(api, "auth/token", "")
    await put(api, "build", "make")

    found = (await api.get(f"{ROOM}/context/auth/flow")).json()["entry"]
    by_prefix = (await api.get(f"{ROOM}/context", params={"prefix": "auth/"})).json()["entries"]
    by_tags = (await api.get(f"{ROOM}/context", params={"tags": "build,none"})).json()["entries"]

    assert (found["value"], found["tags"], found["created_by"]) == ("PKCE", ["build"], "backend")
    assert [entry["key"] for entry in by_prefix] == ["auth/flow", "auth/token"]
    assert by_tags == []


async def test_entries_are_filtered_by_all_that_is_given(api: Api) -> None:
    for key, agent, tags in (("a/1", "lead", ["x", "y"]), ("a/2", "lead", ["x"]), ("b", "", [])):
        body = {"value": "", "agent_id": agent or "backend", "tags": tags}
        await api.put(f"{ROOM}/context/{key}", json=body)

    async def keys(**filters: str | int) -> list[str]:
        listed = await api.get(f"{ROOM}/context", params=filters)
        return [entry["key"] for entry in listed.json()["entries"]]

    assert await keys(created_by="lead") == ["a/1", "a/2"]
    assert await keys(tags="y,x") == ["a/1"]
    assert await keys(tags="x", prefix="a/2", created_by="lead") == ["a/2"]
    assert await keys(tags="x", created_by="backend") == []
    assert await keys(prefix="a%") == await keys(prefix="A") == []
    assert await keys(limit=1, offset=1) == ["a/2"]


async def test_sharing_again_replaces_value_and_tags_and_keeps_the_place(api: Api) -> None:
    assert await put(api, "target", "wasm") == 201
    await put(api, "other", "x")
    before = (await api.get(f"{ROOM}/context/target")).json()["entry"]

    body = {"value": "wasm32", "agent_id": "frontend"}
    changed = await api.put(f"{ROOM}/context/target", json=body)

    assert changed.status_code == 200
    entry = changed.json()["entry"]
    assert (entry["value"], entry["tags"], entry["updated_by"]) == ("wasm32", [], "frontend")
    kept = ("id", "created_by", "created_at")
    assert [entry[name] for name in kept] == [before[name] for name in kept]
    listed = (await api.get(f"{ROOM}/context")).json()["entries"]
    assert [each["key"] for each in listed] == ["target", "other"]


async def test_a_writer_that_missed_a_change_is_refused(api: Api) -> None:
    await put(api, "target", "wasm")
    read = (await api.get(f"{ROOM}/context/target")).headers["ETag"]
    assert await put(api, "target", "wasm32", **{"If-Match": read}) == 200

    late = await put(api, "target", "x86", **{"If-Match": read})
    create = await put(api, "target", "x86", **{"If-None-Match": "*"})
    late_delete = await api.delete(f"{ROOM}/context/target", headers={"If-Match": read})

    assert (late, create, late_delete.status_code) == (412, 412, 412)
    assert late_delete.json() == {"error": "The entry has changed meanwhile"}
    assert (await api.get(f"{ROOM}/context/target")).json()["entry"]["value"] == "wasm32"


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "anything"},
        {"If-Match": "*"},
        {"If-Match": '"1", "2"'},
        {"If-None-Match": '"1"'},
        {"If-Match": '"1"', "If-None-Match": "*"},
    ],
)
async def test_a_condition_that_is_not_understood_is_refused(
    api: Api, headers: dict[str, str]
) -> None:
    await put(api, "target", "wasm")

    assert await put(api, "target", "x86", **headers) == 400
    deleted = await api.delete(f"{ROOM}/context/target", headers=headers)

    assert deleted.status_code == 400
    assert (await api.get(f"{ROOM}/context/target")).json()["entry"]["value"] == "wasm"


async def test_who_read_the_current_version_may_change_or_delete_it(api: Api) -> None:
    assert await put(api, "target", "wasm", **{"If-None-Match": "*"}) == 201
    read = (await api.get(f"{ROOM}/context/target")).headers["ETag"]
    body = {"value": "arm", "agent_id": "backend"}

    changed = await api.put(f"{ROOM}/context/target", json=body, headers={"If-Match": read})
    now = {"If-Match": changed.headers["ETag"]}
    deleted = await api.delete(f"{ROOM}/context/target", headers=now)

    assert (changed.status_code, deleted.status_code) == (200, 204)
    assert now["If-Match"] == f'"{changed.json()["entry"]["version"]}"' != read


async def test_a_version_does_not_come_back_with_a_new_entry_of_the_same_key(api: Api) -> None:
    await put(api, "target", "wasm")
    read = (await api.get(f"{ROOM}/context/target")).headers["ETag"]
    await api.delete(f"{ROOM}/context/target")
    await put(api, "target", "arm")

    assert await put(api, "target", "x86", **{"If-Match": read}) == 412


async def test_of_fifty_writers_with_the_same_version_one_wins(api: Api) -> None:
    await put(api, "target", "0")
    read = (await api.get(f"{ROOM}/context/target")).headers["ETag"]

    writes = [put(api, "target", str(n), **{"If-Match": read}) for n in range(50)]
    replies = await asyncio.gather(*writes)

    assert sorted(replies) == [200] + [412] * 49


async def test_a_deleted_entry_is_gone(api: Api) -> None:
    await put(api, "target", "wasm")

    assert (await api.delete(f"{ROOM}/context/target")).status_code == 204
    assert (await api.delete(f"{ROOM}/context/target")).json() == {
        "error": "Context entry not found"
    }


async def test_a_key_may_be_any_text_of_any_length(api: Api) -> None:
    key = "Ключ%2F%0A" + "k" * 5000

    assert await put(api, key, "v") == 201
    assert (await api.get(f"{ROOM}/context/{key}")).json()["entry"]["value"] == "v"


async def test_a_question_is_pending_until_it_is_answered(api: Api) -> None:
    body = {"question": "Which port?", "agent_id": "backend", "to": "lead"}
    asked = await api.post(f"{ROOM}/questions", json=body)
    question = asked.json()["question"]

    for_lead = await api.get(f"{ROOM}/questions", params={"state": "pending", "to": "lead"})
    for_other = await api.get(f"{ROOM}/questions", params={"state": "pending", "to": "other"})
    route = f"{ROOM}/questions/{question['id']}/answer"
    await api.post(route, json={"answer": "80", "agent_id": "lead"})
    answered = await api.post(route, json={"answer": "8443", "agent_id": "lead"})

    assert (asked.status_code, question["status"], question["answer"]) == (201, "pending", None)
    assert len(for_lead.json()["questions"]) == 1
    assert for_other.json()["questions"] == []
    shown = answered.json()["question"]
    assert (shown["status"], shown["answer"], shown["answered_by"]) == ("answered", "8443", "lead")
    everything = (await api.get(f"{ROOM}/questions", params={"state": "answered"})).json()
    assert everything["questions"] == [shown]


async def test_answering_an_unknown_question_is_a_404(api: Api) -> None:
    reply = await api.post(
        f"{ROOM}/questions/nope/answer", json={"answer": "a", "agent_id": "lead"}
    )

    assert (reply.status_code, reply.json()) == (404, {"error": "Question not found: nope"})


async def test_decisions_are_listed_in_logging_order(api: Api) -> None:
    for decision in ("Drop v1", "Use PKCE"):
        body = {"decision": decision, "agent_id": "lead", "rationale": ""}
        assert (await api.post(f"{ROOM}/decisions", json=body)).status_code == 201

    decisions = (await api.get(f"{ROOM}/decisions")).json()["decisions"]

    assert [each["decision"] for each in decisions] == ["Drop v1", "Use PKCE"]
    assert decisions[0]["rationale"] == ""


@pytest.mark.parametrize(
    ("method", "route", "body", "fields"),
    [
        ("POST", "agents", {"name": 5, "role": "boss"}, {"name", "role", "repo_path"}),
        ("PUT", "context/k", {"tags": "a"}, {"value", "tags", "agent_id"}),
        (
            "PUT",
            "context/k",
            {"value": "a\0", "agent_id": "", "tags": [5]},
            {"value", "agent_id", "tags"},
        ),
        ("POST", "questions", {"question": "", "to": 5}, {"question", "to_agent", "agent_id"}),
        ("POST", "questions/q/answer", {"answer": None}, {"answer", "agent_id"}),
        ("POST", "decisions", {"rationale": []}, {"decision", "rationale", "agent_id"}),
    ],
)
async def test_bad_input_is_named_field_by_field(
    api: Api, method: str, route: str, body: Any, fields: set[str]
) -> None:
    refused = await api.request(method, f"{ROOM}/{route}", json=body)

    assert refused.status_code == 400
    assert set(refused.json()["details"]) == fields


@pytest.mark.parametrize(
    "route", ["context?prefix=%00", "questions?to=%00", "questions?state=open", "questions?state="]
)
async def test_a_filter_that_cannot_be_meant_is_refused(api: Api, route: str) -> None:
    refused = await api.get(f"{ROOM}/{route}")

    assert (refused.status_code, refused.json()["error"]) == (400, "Invalid query parameters")


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("GET", "a%00/agents"),
        ("POST", "a%00/decisions"),
        ("PUT", "a/context/k%00"),
        ("POST", "a/questions/%00/answer"),
        ("DELETE", "a/agents/%00"),
    ],
)
async def test_ids_that_cannot_be_stored_are_refused(api: Api, method: str, route: str) -> None:
    body = {"value": "", "decision": "!", "answer": "a", "agent_id": "lead"}

    refused = await api.request(method, f"/api/sessions/{route}", json=body)

    assert (refused.status_code, refused.json()["error"]) == (400, "Bad Request")


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("DELETE", "agents"),
        ("GET", "agents/some"),
        ("POST", "context/k"),
        ("PUT", "questions"),
        ("GET", "questions/some/answer"),
        ("DELETE", "decisions"),
    ],
)
async def test_what_a_route_cannot_do_is_not_found(api: Api, method: str, route: str) -> None:
    reply = await api.request(method, f"{ROOM}/{route}", json={})

    assert (reply.status_code, reply.json()) == (404, {"error": "Not Found"})


async def test_a_value_is_as_large_as_a_body_may_be(api: Api) -> None:
    assert await put(api, "large", "v" * 1_000_000) == 201
    assert await put(api, "large", "v" * 2**20) == 413
    assert (await api.get(f"{ROOM}/context/large")).json()["entry"]["value"] == "v" * 1_000_000


async def test_a_full_session_is_told_by_429(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "MOST_KEYS", 1)

    assert await put(api, "one", "") == 201
    assert await put(api, "two", "") == 429
    assert await put(api, "one", "again") == 200


async def test_the_names_that_coordinator_clients_use_are_understood(api: Api) -> None:
    joined = await api.post(
        f"{ROOM}/agents", json={"name": "n", "role": "target", "repoPath": "/srv/api"}
    )
    shared = await api.put(f"{ROOM}/context/k", json={"value": "v", "agentId": "lead"})

    assert joined.json()["agent"]["repo_path"] == "/srv/api"
    assert shared.json()["entry"]["created_by"] == "lead"


async def test_an_endless_session_id_is_refused(api: Api) -> None:
    body = {"decision": "x", "agent_id": "lead"}

    refused = await api.post(f"/api/sessions/{'s' * 600}/decisions", json=body)

    assert refused.status_code == 400
    assert "512" in refused.json()["error"]


async def test_fifty_agents_that_join_at_once_are_all_there(api: Api) -> None:
    ids = await asyncio.gather(*(join(api, f"agent-{n}") for n in range(50)))

    listed = (await api.get(f"{ROOM}/agents")).json()["agents"]

    assert sorted(agent["id"] for agent in listed) == sorted(ids)


# --- events -----------------------------------------------------------------------------------


async def told(listener: Listener, channel: str = "sessions/run-1") -> Frame:
    """The next event there; who comes and goes on the sockets is told elsewhere."""
    return await listener.next_event(channel=channel)


async def test_joining_and_leaving_are_told_in_the_session(api: Api, listen: Listen) -> None:
    listener = await listen("sessions/run-1")

    agent_id = await join(api)
    await api.delete(f"{ROOM}/agents/{agent_id}")
    await api.delete(f"{ROOM}/agents/{agent_id}")
    await join(api, "next")

    joined, left, after = [await told(listener) for _ in range(3)]
    assert (joined["event"], joined["channel"]) == ("agent.joined", "sessions/run-1")
    assert joined["data"]["session_id"] == "run-1"
    assert joined["data"]["agent"]["id"] == left["data"]["agent"]["id"] == agent_id
    assert (left["event"], left["data"]["reason"]) == ("agent.left", "left")
    assert after["data"]["agent"]["name"] == "next"


async def test_an_absent_agent_is_told_to_have_left(
    api: Api, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "GRACE", timedelta(0))
    listener = await listen("sessions/run-1")
    agent_id = await join(api)

    await in_thread(coordinator.leave_absent_agents)

    left = await listener.next_event("agent.left")
    assert (left["data"]["agent"]["id"], left["data"]["reason"]) == (agent_id, "absent")


async def test_sharing_and_deleting_are_told_with_the_entry_as_it_was(
    api: Api, listen: Listen
) -> None:
    listener = await listen("sessions/run-1")

    await put(api, "target", "wasm")
    await put(api, "target", "arm")
    await api.delete(f"{ROOM}/context/target")

    heard = [await told(listener) for _ in range(3)]
    assert [(each["event"], each["data"]["entry"]["value"]) for each in heard] == [
        ("context.changed", "wasm"),
        ("context.changed", "arm"),
        ("context.deleted", "arm"),
    ]


async def test_a_question_is_told_in_the_session_and_to_its_addressee(
    api: Api, listen: Listen
) -> None:
    session, lead = await listen("sessions/run-1"), await listen("agents/lead")
    body = {"question": "Which port?", "agent_id": "backend", "to": "lead"}

    asked = (await api.post(f"{ROOM}/questions", json=body)).json()["question"]
    reply = {"answer": "8443", "agent_id": "lead"}
    await api.post(f"{ROOM}/questions/{asked['id']}/answer", json=reply)

    for listener, channel in ((session, "sessions/run-1"), (lead, "agents/lead")):
        first, second = await told(listener, channel), await told(listener, channel)
        assert (first["event"], first["channel"]) == ("question.asked", channel)
        assert first["data"]["question"]["to"] == "lead"
        assert (second["event"], second["channel"]) == ("question.answered", channel)
        assert second["data"]["question"]["answer"] == "8443"


async def test_a_question_to_all_goes_to_nobody_in_particular(api: Api, listen: Listen) -> None:
    backend = await listen("agents/backend")
    ask = {"question": "?", "agent_id": "backend"}

    await api.post(f"{ROOM}/questions", json=ask)
    await api.post(f"{ROOM}/questions", json={**ask, "to": "lead"})
    await api.post(f"{ROOM}/questions", json={**ask, "to": "backend"})

    assert (await told(backend, "agents/backend"))["data"]["question"]["to"] == "backend"


async def test_a_decision_is_told_in_its_session_only(api: Api, listen: Listen) -> None:
    session, other = await listen("sessions/run-1"), await listen("sessions/run-2")
    decide = {"decision": "Drop v1", "rationale": "Nobody calls it", "agent_id": "lead"}

    await api.post(f"{ROOM}/decisions", json=decide)
    await api.post("/api/sessions/run-2/decisions", json={**decide, "decision": "Keep v2"})

    heard = await told(session)
    assert (heard["event"], heard["data"]["decision"]["rationale"]) == (
        "decision.logged",
        "Nobody calls it",
    )
    assert (await told(other, "sessions/run-2"))["data"]["decision"]["decision"] == "Keep v2"
