"""Who is connected, and what they come back to. Contract: websocket 11, W13, W20."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from dcm.lib.pruning import prune
from dcm.lib.threads import in_thread
from realtime.models import Presence, RememberedChannel
from realtime.presence import LOST_SOCKETS, renew
from realtime.tokens import Identity
from tests.conftest import Api, Listen, Server
from tests.sockets import Listener


async def present(agent_id: str) -> list[str]:
    rows = Presence.objects.filter(agent_id=agent_id).order_by("connected_at")
    return await in_thread(lambda: [row.client_id for row in rows])


async def test_an_agent_comes_and_goes_once(server: Server, listen: Listen) -> None:
    watcher = await listen()
    await watcher.heard()  # its own coming

    async with Listener.open(server.ws_url) as listener:
        await listener.authenticate("ag-1")
        came = await watcher.next_event("agent.connected")
        there = await present("ag-1")
    went = await watcher.next_event("agent.disconnected")

    assert came["data"] == went["data"] == {"agent_id": "ag-1", "client_id": there[0]}
    assert await present("ag-1") == []


async def test_claims_come_and_go_unnoticed(server: Server, listen: Listen) -> None:
    watcher = await listen()
    await watcher.heard()  # its own coming

    async with Listener.open(f"{server.ws_url}/?agent_id=claimed") as listener:
        await listener.next_frame()

    assert await watcher.heard() == []
    assert await present("claimed") == []


async def test_sockets_of_a_process_that_died_are_told_once(server: Server, listen: Listen) -> None:
    watcher = await listen()
    await watcher.heard()  # its own coming
    past = timezone.now() - timedelta(seconds=1)
    lost = {"agent_id": "lost", "session_id": "s", "process": "gone", "expires_at": past}
    for number in range(20):
        await in_thread(Presence.objects.create, client_id=f"ws_lost_{number}", **lost)

    swept = await asyncio.gather(*(in_thread(prune, LOST_SOCKETS) for _ in range(4)))

    told = [await watcher.next_event("agent.disconnected") for _ in range(20)]
    assert sum(swept) <= 20
    assert {event["data"]["client_id"] for event in told} == {f"ws_lost_{n}" for n in range(20)}
    assert await present("lost") == []


async def test_leases_are_renewed_together_and_who_was_missed_is_back(
    server: Server, listen: Listen
) -> None:
    watcher = await listen()
    await watcher.heard()  # its own coming
    mine = {f"ws_{number}": Identity(f"agent-{number}") for number in range(3)}

    await in_thread(renew, mine)

    told = [await watcher.next_event("agent.connected") for _ in range(3)]
    assert [event["data"]["agent_id"] for event in told] == ["agent-0", "agent-1", "agent-2"]
    await in_thread(renew, mine)
    await in_thread(lambda: Presence.objects.filter(client_id__startswith="ws_").delete())


async def channels(api: Api, server: Server) -> dict[str, int]:
    stats = await api.get(f"{server.ws_url.replace('ws', 'http', 1)}/stats")
    found: dict[str, int] = stats.json()["channelStats"]
    return found


async def test_an_agent_comes_back_to_its_channels(server: Server, api: Api) -> None:
    async with Listener.open(server.ws_url) as listener:
        await listener.authenticate("ag-1")
        await listener.subscribe("topics/task.created")
        await listener.subscribe("topics/task.failed")
        await listener.ask(type="unsubscribe", channel="topics/task.failed")

    async with Listener.open(server.ws_url) as listener:
        await listener.authenticate("ag-1")
        await listener.heard()

        assert "topics/task.created" in await channels(api, server)
        assert "topics/task.failed" not in await channels(api, server)


async def test_who_leaves_global_is_left_alone_when_back(server: Server, api: Api) -> None:
    async with Listener.open(server.ws_url) as listener:
        await listener.authenticate("ag-1")
        await listener.ask(type="unsubscribe", channel="global")

    async with Listener.open(server.ws_url) as listener:
        await listener.authenticate("ag-1")
        await listener.ask(type="ping")
        await api.post("/api/sessions", json={"id": "unheard"})
        await api.post("/api/blocking", json={"blocked_by": "x", "blocked_agent": "ag-1"})

        event = await listener.next_event("agent.blocked")
    assert event["channel"] == "agents/ag-1"


async def test_what_it_may_no_longer_hear_stays_out(server: Server, api: Api) -> None:
    def plant() -> None:
        RememberedChannel.objects.create(agent_id="ag-1", channel="sessions/other")

    await in_thread(plant)

    async with Listener.open(server.ws_url) as listener:
        await listener.ask(type="auth", agent_id="ag-1", session_id="mine")
        await listener.heard()

        assert "sessions/other" not in await channels(api, server)
        assert "sessions/mine" in await channels(api, server)


async def test_claims_plant_nothing(server: Server, api: Api) -> None:
    async with Listener.open(f"{server.ws_url}/?agent_id=ag-1") as listener:
        await listener.subscribe("topics/task.created")

    assert not await in_thread(RememberedChannel.objects.exists)


async def test_a_ping_of_an_agent_is_a_heartbeat_at_most_every_half_minute(
    server: Server, listen: Listen
) -> None:
    watcher = await listen("agents/beating")
    await watcher.heard()  # its own coming

    async with Listener.open(server.ws_url) as listener:
        await listener.authenticate("beating")
        for _ in range(5):
            await listener.ask(type="ping")
        beat = await watcher.next_event("agent.heartbeat")

        assert beat["data"]["agent_id"] == "beating"
        assert beat["channel"] == "agents/beating"
    rest = await watcher.heard()
    assert [each for each in rest if each["event"] == "agent.heartbeat"] == []


async def test_who_takes_the_metrics_gets_them_at_once_and_then_regularly(
    server: Server, api: Api
) -> None:
    await api.post("/api/sessions", json={"id": "s"})

    async with Listener.open(server.ws_url) as listener:
        await listener.subscribe("metrics")
        first = await listener.next_event("metric.update", channel="metrics")
        listener.patience = 8
        second = await listener.next_event("metric.update", channel="metrics")

    assert first["data"]["active_sessions"] == 1
    assert set(first["data"]) == set(second["data"]) >= {"actions_per_minute", "timestamp"}
    assert first["id"] != second["id"]


async def test_other_programs_may_notify(server: Server, listen: Listen) -> None:
    watcher = await listen("topics/task.created")
    await watcher.heard()  # its own coming

    def notify(*payloads: str) -> None:
        with connection.cursor() as cursor:
            for payload in payloads:
                cursor.execute("SELECT pg_notify('dcm_events', %s)", [payload])

    await in_thread(
        notify,
        "nonsense",
        '{"channel":"bad","event":"task.created"}',
        '{"channel":"global","event":"tea.ready"}',
        '{"channel":"topics/task.created","event":"task.created","data":{"n":1}}',
    )

    frames: list[dict[str, Any]] = [await watcher.next_event() for _ in range(2)]
    assert [frame["channel"] for frame in frames] == ["global", "topics/task.created"]
    assert [frame["data"] for frame in frames] == [{"n": 1}, {"n": 1}]


async def test_a_flood_of_publishes_is_slowed_down_then_closed(server: Server) -> None:
    async with Listener.open(server.ws_url) as listener:
        flood = asyncio.create_task(say_much(listener))
        refused = 0
        with contextlib.suppress(ConnectionClosed):
            while True:
                frame = await listener.next_frame()
                refused += frame.get("code") == "RATE_LIMITED"
        await flood

    assert refused > 0
    assert listener.socket.close_code == 4029


async def say_much(listener: Listener) -> None:
    with contextlib.suppress(ConnectionClosed):
        for _ in range(100_000):
            await listener.send(type="publish", channel="topics/x", event="system.info")
