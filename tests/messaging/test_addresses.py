"""Whom `to` means; `to_agent` is an id as it stands."""

import pytest

from tests.conftest import Api
from tests.messaging.host import Host, send


async def sent_to(api: Api, **message: str) -> list[str]:
    return [each["agent_id"] for each in (await send(api, **message))["deliveries"]]


async def make_team(api: Api) -> dict[str, str]:
    """Agent -> name: two sessions in one project, each with a reviewer, and one elsewhere."""
    names = {}
    for host in (Host(api, "run-1"), Host(api, "run-2"), Host(api, "run-3", cwd="/srv/other")):
        await host.hook("UserPromptSubmit", prompt="Go")
        sub = f"sub-{host.session_id}"
        await host.hook("SubagentStart", agent_id=sub, agent_type="reviewer")
        for agent_id in (host.session_id, sub):
            names[agent_id] = (await host.agent(agent_id))["name"]
    return names


async def test_a_name_a_type_a_session_and_a_project_are_addresses(api: Api) -> None:
    names = await make_team(api)

    async def to(address: str) -> list[str]:
        return await sent_to(api, from_agent="run-1", to=address)

    assert await to(f"@{names['run-2']}") == ["run-2"]
    assert await to(names["run-2"]) == ["run-2"]
    assert await to("run-2") == ["run-2"]
    assert await to("type:reviewer") == ["sub-run-1", "sub-run-2"]
    assert await to("session:run-3") == ["run-3"]
    assert await to("project") == ["run-2", "sub-run-1", "sub-run-2"]
    assert await to("who-is-not-known") == ["who-is-not-known"]


async def test_a_project_may_be_named(api: Api) -> None:
    names = await make_team(api)
    other = (await api.get("/api/projects/by-path?path=/srv/other")).json()["project"]["id"]

    assert await sent_to(api, to="type:reviewer", project_id=other) == ["sub-run-3"]
    assert await sent_to(api, to=f"@{names['run-3']}", project_id=other) == ["run-3"]


async def test_who_has_ended_is_meant_by_name_only(api: Api) -> None:
    names = await make_team(api)
    await Host(api, "run-2").hook("SessionEnd", reason="other")

    assert await sent_to(api, from_agent="run-1", to="project") == ["sub-run-1"]
    sent = await send(api, from_agent="run-1", to=f"@{names['run-2']}")
    assert sent["deliveries"][0]["state"] == "dead"


@pytest.mark.parametrize(
    ("to", "status", "error"),
    [
        ("@nobody-here", 404, "No agent is called nobody-here in this project"),
        ("type:chef", 404, "No agent of type chef is there in this project"),
        ("session:none", 404, "No hook has told of session none"),
    ],
)
async def test_an_address_of_nobody_is_refused(api: Api, to: str, status: int, error: str) -> None:
    await make_team(api)
    body = {"from_agent": "run-1", "topic": "task.created", "content": "x", "to": to}

    reply = await api.post("/api/messages", json=body)

    assert (reply.status_code, reply.json()["error"]) == (status, error)


@pytest.mark.parametrize(("to", "status"), [("project", 400), ("type:reviewer", 400), ("", 400)])
async def test_who_is_in_no_project_has_to_name_one(api: Api, to: str, status: int) -> None:
    await make_team(api)
    body = {"from_agent": "somebody", "topic": "task.created", "content": "x", "to": to}

    assert (await api.post("/api/messages", json=body)).status_code == status


async def test_one_message_has_one_kind_of_address(api: Api) -> None:
    body = {"from_agent": "a", "topic": "task.created", "content": "x", "to": "b", "to_agent": "b"}

    reply = await api.post("/api/messages", json=body)

    assert reply.status_code == 400
    assert reply.json()["details"] == {"to": ["Give to or to_agent, not both"]}


@pytest.mark.parametrize("id_", ["@otter", "type:reviewer", "session:run-1", "project", "a b/c?"])
async def test_to_agent_is_an_id_whatever_it_looks_like(api: Api, id_: str) -> None:
    await make_team(api)

    sent = await send(api, to_agent=id_)

    assert sent["message"]["to_agent"] == id_
    assert [each["agent_id"] for each in sent["deliveries"]] == [id_]
