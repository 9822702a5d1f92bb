"""Coming back: what was missed is replayed, or the reply says that it cannot be."""

import asyncio
from typing import Any

import pytest
from django.core.management import call_command

from dcm.lib.threads import in_thread
from realtime.models import EventHead, LoggedEvent
from tests.conftest import Api, Server
from tests.sockets import Frame, Listener


async def say(api: Api, number: int) -> None:
    await api.post("/api/sessions", json={"id": f"s-{number}"})


async def numbers(listener: Listener, count: int, **query: Any) -> list[int]:
    events = [await listener.next_event("session.created", **query) for _ in range(count)]
    return [int(event["data"]["id"].removeprefix("s-")) for event in events]


async def last_id(server: Server, api: Api) -> str:
    async with Listener.open(server.ws_url) as listener:
        await listener.next_frame()
        await say(api, 0)
        return str((await listener.next_event("session.created"))["id"])


def resuming(server: Server, event_id: str) -> Any:
    return Listener.open(f"{server.ws_url}/?last_event_id={event_id}")


async def test_what_was_missed_comes_first_then_what_is_new(server: Server, api: Api) -> None:
    seen = await last_id(server, api)
    for number in range(1, 6):
        await say(api, number)

    async with resuming(server, seen) as listener:
        first = await listener.next_frame()
        await say(api, 6)

        assert first["recovered"] is True
        assert await numbers(listener, 6) == [1, 2, 3, 4, 5, 6]


async def test_nothing_is_lost_or_doubled_while_others_write(server: Server, api: Api) -> None:
    seen = await last_id(server, api)

    async def write() -> None:
        for number in range(1, 101):
            await say(api, number)

    writing = asyncio.create_task(write())
    heard: list[list[int]] = []
    for _ in range(5):
        async with resuming(server, seen) as listener:
            heard.append(await numbers(listener, 100))
    await writing

    assert heard == [[*range(1, 101)]] * 5


async def test_private_channels_are_replayed_once_they_are_taken(server: Server, api: Api) -> None:
    seen = await last_id(server, api)
    await api.post("/api/blocking", json={"blocked_by": "x", "blocked_agent": "ag-7"})

    async with resuming(server, seen) as listener:
        await listener.authenticate("ag-7")

        frames = [await listener.next_event("agent.blocked") for _ in range(2)]
    assert [frame["channel"] for frame in frames] == ["global", "agents/ag-7"]
    assert len({frame["id"] for frame in frames}) == 1


async def test_an_auth_frame_may_say_where_to_go_on(server: Server, api: Api) -> None:
    seen = await last_id(server, api)
    await api.post("/api/blocking", json={"blocked_by": "x", "blocked_agent": "ag-7"})

    async with Listener.open(server.ws_url) as listener:
        ack = await listener.ask(type="auth", agent_id="ag-7", last_event_id=seen)

        event = await listener.next_event("agent.blocked", channel="agents/ag-7")
    assert (ack["success"], ack["recovered"]) == (True, True)
    assert event["data"]["blocked_agent"] == "ag-7"


async def test_a_newcomer_may_ask_for_the_last_minutes(server: Server, api: Api) -> None:
    await say(api, 1)

    async with Listener.open(f"{server.ws_url}/?since=10m") as listener:
        first = await listener.next_frame()

        assert first["recovered"] is True
        while (await listener.next_event("session.created"))["data"]["id"] != "s-1":
            pass  # of others, before


@pytest.mark.parametrize(
    ("event_id", "reason"),
    [
        ("msg_0123456789ab_1", "epoch"),
        ("msg_1772600000000_a1b2c3", "unknown"),
        ("nonsense", "unknown"),
    ],
)
async def test_an_id_of_another_log_is_told(server: Server, event_id: str, reason: str) -> None:
    async with resuming(server, event_id) as listener:
        first = await listener.next_frame()

    assert (first["recovered"], first["reason"]) == (False, reason)


async def test_numbers_that_are_pruned_or_to_come_are_told(server: Server, api: Api) -> None:
    head = await in_thread(EventHead.objects.get)
    for number in range(3):
        await say(api, number)

    def prune() -> None:
        LoggedEvent.objects.filter(seq__lte=head.seq + 2).delete()

    async with Listener.open(server.ws_url) as listener:
        await listener.heard()
        await in_thread(prune)
    reports: list[Frame] = []
    for seq in (head.seq + 1, head.seq + 10_000):
        async with resuming(server, f"msg_{head.epoch}_{seq}") as listener:
            reports.append(await listener.next_frame())

    assert [report["reason"] for report in reports] == ["pruned", "future"]


async def test_the_log_is_read_over_http(api: Api) -> None:
    head = (await api.get("/api/events?limit=1")).json()["head"]
    for number in range(5):
        await say(api, number)

    first = (await api.get(f"/api/events?after={head}&limit=3")).json()
    rest = (await api.get(f"/api/events?after={first['next_after']}")).json()
    own = (await api.get(f"/api/events?after={head}&channel=sessions/s-2")).json()

    found = [event["data"]["id"] for event in first["events"] + rest["events"]]
    assert found == [f"s-{n}" for n in range(5)]
    assert (first["count"], first["recovered"], rest["next_after"]) == (3, True, rest["head"])
    assert [event["channel"] for event in own["events"]] == ["sessions/s-2"]
    by_id = await api.get(f"/api/events?after={rest['events'][-1]['id']}")
    assert by_id.json()["events"] == []


@pytest.mark.parametrize("query", ["channel=bad", "since=x", "limit=0", "limit=5000", "since=10"])
async def test_odd_readers_of_the_log_are_refused(api: Api, query: str) -> None:
    assert (await api.get(f"/api/events?{query}")).status_code == 400


async def test_pruning_by_command_keeps_the_numbers(api: Api) -> None:
    await say(api, 1)
    before = (await api.get("/api/events?limit=1")).json()["head"]

    await in_thread(call_command, "prune_events")

    assert (await api.get("/api/events?limit=1")).json()["head"] == before
