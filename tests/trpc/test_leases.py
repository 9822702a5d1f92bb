"""How long an agent stays listed that does not say goodbye."""

import asyncio
from datetime import timedelta

import pytest
from django.core.management import call_command

from dcm.lib.threads import in_thread
from sessions_app.services import coordinator
from sessions_app.trpc import leases
from tests.conftest import Api
from tests.sockets import PATIENCE_SECONDS
from tests.trpc.client import RawClient, share
from tests.trpc.conftest import OpenClient

JOIN = {"name": "api-side", "role": "source", "repoPath": "/srv/api"}


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time flies: whoever is silent now has been so for long."""
    monkeypatch.setattr(coordinator, "GRACE", timedelta(0))


async def watch(client: RawClient) -> None:
    await client.subscribe("watch", "session.onAgentChange")
    await client.frame()


async def next_list(client: RawClient) -> list[str]:
    return [agent["id"] for agent in (await client.frame())["result"]["data"]]


async def test_a_closed_socket_takes_no_agent_along(trpc: OpenClient) -> None:
    client, other = await trpc(), await trpc()
    agent = (await client.mutate("session.join", JOIN))["agent"]

    await client.socket.close()

    assert await other.query("session.list") == [agent]


async def test_an_agent_within_its_grace_stays(trpc: OpenClient) -> None:
    client = await trpc()
    await client.mutate("session.join", JOIN)

    await in_thread(call_command, "prune_agents")

    assert len(await client.query("session.list")) == 1


@pytest.mark.usefixtures("no_grace")
async def test_an_absent_agent_leaves_with_an_event_and_comes_back_when_named(
    trpc: OpenClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client, watcher = await trpc(), await trpc()
    first = (await client.mutate("session.join", JOIN))["agent"]["id"]
    await watch(watcher)

    await in_thread(call_command, "prune_agents")
    assert capsys.readouterr().out == "Pruned 1 agents\n"
    assert await next_list(watcher) == []
    second = (await client.mutate("session.join", JOIN))["agent"]["id"]
    await client.mutate("context.share", {**share("k", "v"), "agentId": first})

    assert await next_list(watcher) == [second]
    assert await next_list(watcher) == [second, first]
    assert [agent["id"] for agent in await client.query("session.list")] == [second, first]


@pytest.mark.usefixtures("no_grace")
async def test_an_absent_agent_may_still_leave_once_and_for_all(trpc: OpenClient) -> None:
    client = await trpc()
    agent = (await client.mutate("session.join", JOIN))["agent"]["id"]
    await in_thread(call_command, "prune_agents")

    left = await client.mutate("session.leave", {"agentId": agent})
    again = await client.mutate("session.leave", {"agentId": agent})

    assert (left, again) == ({"success": True}, {"success": False})


async def test_an_agent_that_left_writes_without_being_listed_again(trpc: OpenClient) -> None:
    client = await trpc()
    agent = (await client.mutate("session.join", JOIN))["agent"]["id"]
    await client.mutate("session.leave", {"agentId": agent})

    entry = await client.mutate("context.share", {**share("k", "v"), "agentId": agent})

    assert entry["createdBy"] == agent
    assert await client.query("session.list") == []


async def last_seen(api: Api, session: str) -> str:
    listed = (await api.get(f"/api/sessions/{session}/agents")).json()["agents"]
    return str(listed[0]["last_seen_at"])


async def until_renewed(api: Api, session: str, *, since: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await last_seen(api, session) == since:
            pass


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.05)


@pytest.mark.usefixtures("often")
async def test_an_agent_is_renewed_as_long_as_its_socket_is_open(
    trpc: OpenClient, api: Api, session: str
) -> None:
    client = await trpc()

    await client.mutate("session.join", JOIN)

    await until_renewed(api, session, since=await last_seen(api, session))


@pytest.mark.usefixtures("often")
async def test_an_agent_is_renewed_when_a_query_names_it(
    trpc: OpenClient, api: Api, session: str
) -> None:
    joined = await api.post(f"/api/sessions/{session}/agents", json=JOIN)
    client = await trpc()
    before = await last_seen(api, session)

    await client.query("questions.listPending", {"agentId": joined.json()["agent"]["id"]})

    await until_renewed(api, session, since=before)


@pytest.mark.usefixtures("often")
async def test_agents_are_renewed_when_one_socket_opens_as_the_last_one_closes(
    api: Api, session: str
) -> None:
    joined = await api.post(f"/api/sessions/{session}/agents", json=JOIN)
    agent = joined.json()["agent"]["id"]
    holder = leases.Leases()
    holder.open()

    async def open_another() -> None:
        holder.open()
        holder.hold(agent)

    await asyncio.gather(holder.close(set()), open_another())

    await until_renewed(api, session, since=await last_seen(api, session))
    await holder.close({agent})
