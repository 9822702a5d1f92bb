"""What is for an agent that is away waits on its own channel until it is acknowledged."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dcm.lib.pruning import prune
from dcm.lib.threads import in_thread
from realtime import deliveries, waiting
from realtime.models import Acknowledged, EventHead, LoggedEvent
from realtime.waiting import STALE_ACKNOWLEDGEMENTS, acknowledge
from tests.conftest import Api, Listen, Server
from tests.sockets import Frame, Listener


async def message(api: Api, to: str | None, number: int = 1) -> None:
    body: Frame = {"from_agent": "planner", "to_agent": to, "topic": "task.created"}
    reply = await api.post("/api/messages", json=body | {"content": {}, "priority": number})
    assert reply.status_code == 201, reply.text


async def come(listener: Listener, agent_id: str) -> list[Frame]:
    """Authenticate, and what of its own channel comes with that."""
    await listener.authenticate(agent_id)
    return [frame for frame in await listener.heard() if frame["channel"] == f"agents/{agent_id}"]


def connected(server: Server, query: str = "") -> AbstractAsyncContextManager[Listener]:
    return Listener.open(f"{server.ws_url}/{query}")


async def test_it_is_delivered_once_and_not_again_after_the_ack(server: Server, api: Api) -> None:
    await message(api, "away")

    async with connected(server) as listener:
        (event,) = await come(listener, "away")
        await listener.send(type="ack", message_id=event["id"])
    async with connected(server) as listener:
        again = await come(listener, "away")

    assert (event["event"], event["data"]["to"]) == ("message.new", "away")
    assert again == []


async def test_without_an_ack_the_same_frame_comes_on_the_next_connection(
    server: Server, api: Api
) -> None:
    await message(api, "away")

    async with connected(server) as listener:
        first = await come(listener, "away")
    async with connected(server) as listener:
        second = await come(listener, "away")

    assert first == second
    assert len(first) == 1


async def test_what_waits_comes_in_order_and_before_what_is_new(server: Server, api: Api) -> None:
    for number in range(1, 4):
        await message(api, "away", number)

    async with connected(server) as listener:
        await listener.authenticate("away")
        await message(api, "away", 4)
        frames = [await listener.next_event(channel="agents/away") for _ in range(4)]

    assert [frame["data"]["priority"] for frame in frames] == [1, 2, 3, 4]


async def test_each_ack_counts_for_itself(server: Server, api: Api) -> None:
    for number in range(1, 6):
        await message(api, "away", number)

    async with connected(server) as listener:
        for frame in (await come(listener, "away"))[1::2]:
            await listener.send(type="ack", message_id=frame["id"])
    async with connected(server) as listener:
        rest = await come(listener, "away")

    assert [frame["data"]["priority"] for frame in rest] == [1, 3, 5]


async def test_others_get_nothing_of_it(server: Server, api: Api) -> None:
    await message(api, "away")

    async with connected(server) as listener:
        assert await come(listener, "another") == []
        await listener.subscribe("agents/away")  # as people do who watch
        assert await listener.heard() == []


@pytest.mark.parametrize("query", ["?ack=none", "?since=1s"])
async def test_who_keeps_its_own_place_is_left_alone(server: Server, api: Api, query: str) -> None:
    await message(api, "away")
    await asyncio.sleep(1.1)

    async with connected(server, query) as listener:
        assert await come(listener, "away") == []


async def test_what_is_not_tracked_does_not_wait(server: Server, api: Api, listen: Listen) -> None:
    watcher = await listen()
    await api.post("/api/blocking", json={"blocked_by": "x", "blocked_agent": "away"})
    await watcher.next_event("agent.blocked")

    async with connected(server) as listener:
        assert await come(listener, "away") == []


async def test_what_is_older_than_a_message_lives_does_not_wait(server: Server, api: Api) -> None:
    await message(api, "away")
    past = timezone.now() - timedelta(hours=1, seconds=1)
    await in_thread(lambda: LoggedEvent.objects.update(created_at=past))

    async with connected(server) as listener:
        assert await come(listener, "away") == []


@pytest.fixture
def soon() -> Iterator[None]:
    before, deliveries.RESEND_SECONDS = deliveries.RESEND_SECONDS, 0.0
    yield
    deliveries.RESEND_SECONDS = before


async def exhausted(server: Server, api: Api) -> int:
    stats = await api.get(f"{server.ws_url.replace('ws', 'http', 1)}/stats")
    return int(stats.json()["exhaustedDeliveries"])


async def test_what_was_sent_three_times_in_vain_is_counted_and_offered_again(
    server: Server, api: Api, soon: None
) -> None:
    before = await exhausted(server, api)
    async with connected(server) as listener:
        await listener.authenticate("deaf")
        await message(api, "deaf")
        sent = [await listener.next_event(channel="agents/deaf") for _ in range(3)]
        async with asyncio.timeout(10):
            while await exhausted(server, api) == before:
                await asyncio.sleep(0.1)
        assert await listener.heard() == []

    async with connected(server) as listener:
        again = await come(listener, "deaf")
        await listener.send(type="ack", message_id=again[0]["id"])

    assert sent == [*again, *again, *again]


async def test_an_ack_after_the_last_attempt_counts(server: Server, api: Api, soon: None) -> None:
    async with connected(server) as listener:
        await listener.authenticate("late")
        before = await exhausted(server, api)
        await message(api, "late")
        event = await listener.next_event(channel="agents/late")
        async with asyncio.timeout(10):
            while await exhausted(server, api) == before:
                await asyncio.sleep(0.1)
        await listener.send(type="ack", message_id=event["id"])
    async with connected(server) as listener:
        assert await come(listener, "late") == []


async def test_acks_of_what_was_never_sent_change_nothing(server: Server, api: Api) -> None:
    head = await in_thread(EventHead.objects.get)
    async with connected(server) as listener:
        await listener.authenticate("away")
        for seq in range(head.seq, head.seq + 20):
            await listener.send(type="ack", message_id=f"msg_{head.epoch}_{seq}")
    await message(api, "away")

    async with connected(server) as listener:
        assert len(await come(listener, "away")) == 1


def row() -> tuple[str, int, list[int]]:
    found = Acknowledged.objects.get(agent_id="a")
    return found.epoch, found.upto, found.beyond


def test_acknowledgements_add_up_in_any_order(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_OFFERED", 4)

    for numbers in ({9, 3}, {5}, {3, 5}, {4}):
        acknowledge("one", {"a": numbers})
    assert row() == ("one", 0, [3, 4, 5, 9])
    acknowledge("one", {"a": {7, 11}, "b": {1}})
    assert row() == ("one", 4, [5, 7, 9, 11])
    acknowledge("one", {"a": {6}})
    assert row() == ("one", 5, [6, 7, 9, 11])
    acknowledge("two", {"a": {2}})
    assert row() == ("two", 0, [2])


def test_acknowledgements_go_stale(database: None) -> None:
    acknowledge("one", {"old": {1}, "new": {1}})
    past = timezone.now() - timedelta(hours=1, seconds=1)
    Acknowledged.objects.filter(agent_id="old").update(updated_at=past)

    assert prune(STALE_ACKNOWLEDGEMENTS) == 1
    assert list(Acknowledged.objects.values_list("agent_id", flat=True)) == ["new"]


_MANY = """
INSERT INTO realtime_loggedevent (seq, channels, type, data)
SELECT -n, ARRAY['global', 'agents/' || n % 500], 'message.new', '{}'
FROM generate_series(1, 20000) AS n
"""


def test_what_waits_is_found_by_an_index(database: None) -> None:
    names = {"agent_id": "a", "channel": "agents/a"}
    bounds = {"seconds": 3_600, "upto": 10**12, "most": 1_000}

    with connection.cursor() as cursor:
        cursor.execute(_MANY)
        cursor.execute("ANALYZE realtime_loggedevent")
        cursor.execute("EXPLAIN " + waiting._WAITING, {**names, **bounds})
        plan = str(cursor.fetchall())
        cursor.execute("DELETE FROM realtime_loggedevent WHERE seq < 0")

    assert "event_tracked" in plan
