"""Tracked events are sent again until they are acknowledged. Contract: websocket 6."""

import asyncio
from collections.abc import Iterator

import pytest

from realtime import deliveries
from realtime.deliveries import MOST_UNACKNOWLEDGED, Deliveries, is_tracked
from tests.conftest import Api, Server
from tests.sockets import Listener

MESSAGE = {"from_agent": "a", "to_agent": "b", "topic": "task.created", "content": "x"}


def note(open_: Deliveries, seq: int, at: float = 0.0) -> None:
    open_.note(seq, [{"text": str(seq)}], at)


def test_what_is_not_acknowledged_is_sent_three_times_in_all() -> None:
    mine = Deliveries()
    note(mine, 1)

    sent = [len(mine.due(now)) for now in (2, 4, 6, 8, 10, 12, 14, 18, 20)]

    assert sent == [0, 0, 1, 0, 0, 1, 0, 0, 0]
    assert len(mine) == 0


@pytest.mark.parametrize("event_id", ["msg_0a1b_1", "msg_other_1"])
def test_an_ack_stops_it(event_id: str) -> None:
    mine = Deliveries()
    note(mine, 1)

    mine.acknowledge(event_id)

    assert mine.due(100) == []


@pytest.mark.parametrize("event_id", [None, 5, "", "x", "msg_0_²", "msg_0_" + "9" * 50, [1]])
def test_odd_acks_are_as_good_as_none(event_id: object) -> None:
    mine = Deliveries()
    note(mine, 1)

    mine.acknowledge(event_id)

    assert len(mine.due(100)) == 1


def test_copies_on_several_channels_are_one_delivery() -> None:
    mine = Deliveries()
    note(mine, 1)
    note(mine, 1)

    assert len(mine) == 1
    assert len(mine.due(100)) == 2


@pytest.mark.parametrize("event", ["agent.connected", "session.created", "metric.update"])
def test_other_events_are_not_tracked(event: str) -> None:
    assert not is_tracked(event)


def test_a_client_that_never_acknowledges_costs_bounded_memory() -> None:
    mine = Deliveries()

    for seq in range(2 * MOST_UNACKNOWLEDGED):
        note(mine, seq)

    assert len(mine) == MOST_UNACKNOWLEDGED


@pytest.fixture
def soon() -> Iterator[None]:
    before, deliveries.RESEND_SECONDS = deliveries.RESEND_SECONDS, 0.0
    yield
    deliveries.RESEND_SECONDS = before


async def test_the_same_bytes_come_again(server: Server, api: Api, soon: None) -> None:
    async with Listener.open(server.ws_url) as listener:
        await api.post("/api/messages", json=MESSAGE)

        frames = [await listener.next_event("message.new") for _ in range(3)]
    assert frames[0] == frames[1] == frames[2]


async def test_after_the_ack_it_does_not(server: Server, api: Api, soon: None) -> None:
    async with Listener.open(server.ws_url) as listener:
        await api.post("/api/messages", json=MESSAGE)
        event = await listener.next_event("message.new")

        await listener.send(type="ack", message_id=event["id"])
        await asyncio.sleep(2.5)  # longer than it takes until the next look

        assert await listener.heard() == []


async def test_a_client_may_do_without(server: Server, api: Api, soon: None) -> None:
    async with Listener.open(f"{server.ws_url}/?ack=none") as listener:
        await api.post("/api/messages", json=MESSAGE)
        await listener.next_event("message.new")

        pending = (await api.get(f"{server.ws_url.replace('ws', 'http')}/stats")).json()

    assert pending["pendingDeliveries"] == 0
