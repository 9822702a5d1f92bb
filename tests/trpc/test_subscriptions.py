"""What a subscription is told, in which order, and where it resumes."""

import asyncio
import contextlib
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from dcm.lib.threads import in_thread
from realtime.fanout import hub
from realtime.models import LoggedEvent
from sessions_app.services import coordinator
from sessions_app.trpc import consumers
from sessions_app.trpc.procedures import TOPICS
from sessions_app.trpc.subscriptions import Opening, open_subscription
from tests.conftest import Api
from tests.trpc.client import AGENT, Frame, RawClient, request, share
from tests.trpc.conftest import OpenClient

JOIN = {"name": "api-side", "role": "source", "repoPath": "/srv/api"}


async def next_data(client: RawClient) -> Any:
    return (await client.frame())["result"]["data"]


async def resume(client: RawClient, path: str, last_event_id: Any) -> None:
    await client.subscribe("resumed", path, {"lastEventId": last_event_id})


async def test_an_agent_list_begins_with_a_snapshot_and_follows_each_change(
    trpc: OpenClient,
) -> None:
    watcher, client = await trpc(), await trpc()

    await watcher.subscribe(1, "session.onAgentChange")
    empty = await next_data(watcher)
    first = (await client.mutate("session.join", JOIN))["agent"]
    second = (await client.mutate("session.join", JOIN))["agent"]
    await client.mutate("session.leave", {"agentId": first["id"]})
    await client.mutate("session.leave", {"agentId": first["id"]})
    third = (await client.mutate("session.join", JOIN))["agent"]

    assert empty == []
    assert await next_data(watcher) == [first]
    assert await next_data(watcher) == [first, second]
    assert await next_data(watcher) == [second]
    assert await next_data(watcher) == [second, third]
    await watcher.subscribe(2, "session.onAgentChange")
    assert await next_data(watcher) == [second, third]


async def test_shares_after_the_start_are_told_and_none_before(trpc: OpenClient) -> None:
    client = await trpc()
    await client.mutate("context.share", share("early", "1"))

    await client.subscribe(1, "context.onContextChange")
    shared = await client.mutate("context.share", share("late", "2"))
    again = await client.mutate("context.share", share("late", "2"))

    assert await next_data(client) == shared
    assert await next_data(client) == again


async def test_a_share_right_before_the_start_is_not_told(trpc: OpenClient) -> None:
    client = await trpc()

    for number in range(20):
        await client.mutate("context.share", share("k", str(number)))
        await client.subscribe(number, "context.onContextChange")
        await client.send({"id": number, "method": "subscription.stop"})
        assert await client.barrier() == [{"id": number, "result": {"type": "stopped"}}]


async def test_questions_are_told_to_everybody_when_asked_and_when_answered(
    trpc: OpenClient,
) -> None:
    client = await trpc()
    await client.subscribe(1, "questions.onQuestion")

    asked = await client.mutate("questions.ask", {"question": "?", "agentId": AGENT, "to": AGENT})
    reply = {"questionId": asked["id"], "answer": "yes", "agentId": AGENT}
    answered = await client.mutate("questions.answer", reply)

    assert await next_data(client) == asked
    assert await next_data(client) == answered


async def test_decisions_are_told_on_a_subscription_of_their_own_only(trpc: OpenClient) -> None:
    client = await trpc()
    await client.subscribe(1, "questions.onQuestion")
    await client.subscribe(2, "decisions.onDecision")

    logged = await client.mutate("decisions.log", {"decision": "Drop v1", "agentId": AGENT})

    told = await client.frame()
    assert (told["id"], told["result"]["data"]) == (2, logged)
    assert await client.barrier() == []


async def test_event_ids_are_texts_that_grow(trpc: OpenClient) -> None:
    client = await trpc()
    await client.subscribe(1, "session.onAgentChange")
    await client.subscribe(2, "context.onContextChange")

    await client.mutate("session.join", JOIN)
    await client.mutate("context.share", share("k", "v"))

    ids = [(await client.frame())["result"]["id"] for _ in range(3)]
    assert all(isinstance(each, str) for each in ids)
    assert sorted(ids, key=int) == ids
    assert len(set(ids)) == 3


async def test_who_comes_back_gets_what_it_missed_as_it_was(trpc: OpenClient) -> None:
    writer = await trpc()
    reader = await trpc()
    await reader.subscribe(1, "context.onContextChange")
    shared = [await writer.mutate("context.share", share("k", str(n))) for n in range(3)]
    seen = (await reader.frame())["result"]["id"]

    returned = await trpc()
    await resume(returned, "context.onContextChange", seen)
    fourth = await writer.mutate("context.share", share("k", "3"))

    assert [await next_data(returned) for _ in range(3)] == [*shared[1:], fourth]


async def test_a_long_absence_is_made_up_for_completely(trpc: OpenClient) -> None:
    client = await trpc()
    await client.subscribe(1, "context.onContextChange")
    await client.mutate("context.share", share("first", ""))
    seen = (await client.frame())["result"]["id"]
    await client.send({"id": 1, "method": "subscription.stop"})
    keys = [f"key-{number}" for number in range(170)]
    for key in keys:
        await client.send(request(key, "mutation", "context.share", share(key, "")))
    await client.barrier()

    await resume(client, "context.onContextChange", int(seen))

    assert [(await next_data(client))["key"] for _ in keys] == keys


async def test_a_last_event_id_that_makes_no_sense_is_as_good_as_none(trpc: OpenClient) -> None:
    client = await trpc()
    await client.mutate("context.share", share("k", "v"))

    senseless: list[Any] = ["", "abc", "-1", "9" * 18, "9" * 30, "1.5", 1.5, None, [], True]

    for number, odd in enumerate(senseless):
        given = {"lastEventId": odd}
        await client.subscribe(number, "context.onContextChange", given)

    assert await client.barrier() == []


async def test_of_a_pruned_log_what_is_kept_is_replayed(trpc: OpenClient) -> None:
    client = await trpc()
    await client.subscribe(1, "context.onContextChange")
    shared = [await client.mutate("context.share", share("k", str(n))) for n in range(3)]
    ids = [(await client.frame())["result"]["id"] for _ in range(3)]
    pruned = LoggedEvent.objects.filter(seq__lte=int(ids[1]))
    await in_thread(pruned.delete)

    await resume(client, "context.onContextChange", "0")

    assert await next_data(client) == shared[2]


async def test_an_answer_that_was_replaced_is_still_told_as_it_was(trpc: OpenClient) -> None:
    client = await trpc()
    asked = await client.mutate("questions.ask", {"question": "?", "agentId": AGENT})
    reply = {"questionId": asked["id"], "agentId": AGENT}
    answers = [
        await client.mutate("questions.answer", {**reply, "answer": text})
        for text in ("80", "8443")
    ]

    await resume(client, "questions.onQuestion", "0")

    assert [await next_data(client) for _ in range(3)] == [asked, *answers]


async def test_an_agent_list_is_not_replayed_but_shown_as_it_is(trpc: OpenClient) -> None:
    client = await trpc()
    agents = [(await client.mutate("session.join", JOIN))["agent"] for _ in range(3)]

    await resume(client, "session.onAgentChange", "0")

    assert await next_data(client) == agents
    assert await client.barrier() == []


async def test_what_failed_is_told_to_nobody(trpc: OpenClient) -> None:
    client = await trpc()
    for number, path in enumerate(TOPICS):
        await client.subscribe(number, path)
    await client.barrier()

    await client.call("mutation", "session.join", {**JOIN, "role": "boss"})
    await client.call("mutation", "session.leave", {"agentId": AGENT})
    await client.call("mutation", "context.share", share("k", "v" * (2**20 + 1)))
    unknown = {"questionId": AGENT, "answer": "a", "agentId": AGENT}
    await client.call("mutation", "questions.answer", unknown)
    await client.mutate("decisions.log", {"decision": "the end", "agentId": AGENT})

    assert (await next_data(client))["decision"] == "the end"


async def test_a_reader_that_does_not_read_is_let_go_and_may_resume(
    trpc: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SLOW_SECONDS", 0.3)
    monkeypatch.setattr(consumers, "CLOSE_SECONDS", 0.1)
    writer, slow = await trpc(), await trpc(max_queue=1)
    await slow.subscribe(1, "context.onContextChange")
    values: list[str] = []
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline or len(values) < 20:  # for longer than it is waited for
        values.append(f"{len(values)}".ljust(2**20))
        await writer.mutate("context.share", share("k", values[-1]))

    heard = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            heard.append((await slow.frame())["result"])
    await resume(writer, "context.onContextChange", heard[-1]["id"])
    missed = [await next_data(writer) for _ in values[len(heard) :]]

    assert missed
    assert [entry["value"] for entry in [*(each["data"] for each in heard), *missed]] == values


async def test_other_sessions_are_not_replayed(trpc: OpenClient) -> None:
    here, there = await trpc(), await trpc("?session=another")
    await there.mutate("context.share", share("k", "theirs"))

    await resume(here, "context.onContextChange", "0")
    await here.mutate("context.share", share("k", "ours"))

    assert (await next_data(here))["value"] == "ours"


async def test_one_socket_may_hold_a_thousand_subscriptions(trpc: OpenClient) -> None:
    client = await trpc()
    batch = [request(n, "subscription", "context.onContextChange") for n in range(1000)]
    await client.send(batch)
    started = await client.barrier()

    shared = await client.mutate("context.share", share("k", "v"))

    assert [frame["id"] for frame in started] == list(range(1000))
    told = [await client.frame() for _ in range(1000)]
    assert {frame["id"] for frame in told} == set(range(1000))
    assert all(frame["result"]["data"] == shared for frame in told)


async def test_all_sockets_hear_all_events_in_one_order(trpc: OpenClient) -> None:
    readers = [await trpc() for _ in range(5)]
    writers = [await trpc() for _ in range(5)]
    for reader in readers:
        await reader.subscribe(1, "context.onContextChange")

    async def write(number: int, writer: RawClient) -> None:
        for n in range(10):
            await writer.mutate("context.share", share(f"{number}-{n}", ""))

    await asyncio.gather(*(write(number, writer) for number, writer in enumerate(writers)))

    heard = [[(await next_data(reader))["key"] for _ in range(50)] for reader in readers]
    assert all(keys == heard[0] for keys in heard)
    assert len(set(heard[0])) == 50
    listed = [entry["key"] for entry in await readers[0].query("context.list")]
    assert listed == heard[0]


async def test_a_snapshot_and_the_lists_after_it_leave_no_gap(trpc: OpenClient) -> None:
    client = await trpc()

    async def watch() -> list[Any]:
        watcher = await trpc()
        await watcher.subscribe(1, "session.onAgentChange")
        lists = [await next_data(watcher)]
        while len(lists[-1]) < 30:
            lists.append(await next_data(watcher))
        return lists

    watching = [asyncio.create_task(watch()) for _ in range(5)]
    for _ in range(30):
        await client.mutate("session.join", JOIN)

    agents = await client.query("session.list")
    for lists in [await task for task in watching]:
        begin = len(lists[0])
        assert lists == [agents[:n] for n in range(begin, 31)]


@pytest.mark.parametrize("path", ["context.onContextChange", "session.onAgentChange"])
async def test_what_happens_while_a_subscription_starts_is_told(
    trpc: OpenClient, session: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def open_late(*given: Any) -> Opening:
        """Between the reading of the log and the start there is another event."""
        opening = open_subscription(*given)
        coordinator.share_context(session_id=session, key="k", value="", agent_id=AGENT)
        coordinator.join_session(session_id=session, name="n", role="source", repo_path="/")
        while hub.position < opening.head + 2:
            time.sleep(0.001)
        return opening

    client = await trpc()
    await client.subscribe(0, path)
    await client.barrier()
    monkeypatch.setattr(consumers, "open_subscription", open_late)

    await client.subscribe(1, path)

    told = [await client.frame() for _ in range(3 if "Agent" in path else 2)]
    assert {frame["id"] for frame in told} == {0, 1}
    assert told[-1]["id"] == 1


async def test_nothing_follows_stopped_until_the_id_is_used_again(trpc: OpenClient) -> None:
    reader, writer = await trpc(), await trpc()
    stop = {"id": 1, "method": "subscription.stop"}

    async def write() -> None:
        for number in range(30):
            await writer.mutate("context.share", share("k", str(number)))

    async def come_and_go() -> list[Frame]:
        for _ in range(30):
            await reader.send([request(1, "subscription", "context.onContextChange"), stop])
        return await reader.barrier()

    _, frames = await asyncio.gather(write(), come_and_go())

    running = False
    for frame in frames:
        kind = frame["result"]["type"]
        assert running is (kind != "started")
        running = kind != "stopped"
    assert sum(frame["result"]["type"] == "stopped" for frame in frames) == 30


async def test_what_rest_shares_reaches_trpc_subscribers(
    trpc: OpenClient, api: Api, session: str
) -> None:
    client = await trpc()
    await client.subscribe(1, "context.onContextChange")

    body = {"value": "v", "agent_id": "backend"}
    await api.put(f"/api/sessions/{session}/context/k", json=body)

    assert (await next_data(client))["createdBy"] == "backend"
