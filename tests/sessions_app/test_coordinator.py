"""The coordinator over REST. Its tRPC side is in tests/trpc."""

import asyncio

from tests.conftest import Api

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
    unread = await put(api, "target", "x86", **{"If-Match": "anything"})

    assert (late, create, unread) == (412, 412, 400)
    assert (await api.get(f"{ROOM}/context/target")).json()["entry"]["value"] == "wasm32"


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


async def test_bad_input_is_named_field_by_field(api: Api) -> None:
    refused = await api.post(f"{ROOM}/agents", json={"name": 5, "role": "boss"})

    assert refused.status_code == 400
    assert set(refused.json()["details"]) == {"name", "role", "repo_path"}


async def test_an_endless_session_id_is_refused(api: Api) -> None:
    body = {"decision": "x", "agent_id": "lead"}

    refused = await api.post(f"/api/sessions/{'s' * 600}/decisions", json=body)

    assert refused.status_code == 400
    assert "512" in refused.json()["error"]


async def test_fifty_agents_that_join_at_once_are_all_there(api: Api) -> None:
    ids = await asyncio.gather(*(join(api, f"agent-{n}") for n in range(50)))

    listed = (await api.get(f"{ROOM}/agents")).json()["agents"]

    assert sorted(agent["id"] for agent in listed) == sorted(ids)
