"""Messages that come before agents by the replies to their hooks, and what their senders see."""

import asyncio
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pytest_django.fixtures import Settings

from dcm.lib.threads import in_thread
from messaging.models import Agent, Delivery, Message
from messaging.services.registry import end_lost
from realtime.models import EventHead
from tests.conftest import Api, Listen
from tests.messaging.host import Host, send, state


async def test_a_message_comes_with_the_next_call_and_the_next_one_proves_it(api: Api) -> None:
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    sent = await send(api, to_agent="run-1")
    states = [await state(api, sent)]

    text = await host.call()
    states.append(await state(api, sent))
    again = await host.call()
    states.append(await state(api, sent))

    assert "From lead [id " + sent["message"]["id"] in text
    assert "Where is it?" in text
    assert again == ""
    assert states == ["queued", "injected", "seen"]


async def test_nothing_is_read_before_it_was_seen(api: Api) -> None:
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    await send(api, to_agent="run-1")

    async def unread() -> int:
        reply = await api.get("/api/messages/run-1?unread_only=true&mark_read=false")
        return int(reply.json()["count"])

    await host.call()
    before = await unread()
    await host.hook("Stop")

    assert (before, await unread()) == (1, 0)


async def test_the_sender_hears_each_step(api: Api, listen: Listen) -> None:
    lead = await listen("agents/lead")
    host = Host(api)
    sent = await send(api, to_agent="run-1")

    await host.call()
    await host.call()
    await api.post(
        f"/api/deliveries/{sent['message']['id']}/acknowledge", json={"agent_id": "run-1"}
    )

    for name in ("message.injected", "message.read", "message.acknowledged"):
        event = await lead.next_event(name, channel="agents/lead")
        assert (event["data"]["id"], event["data"]["to"]) == (sent["message"]["id"], "run-1")


SIDE = {"tool_name": "Bash", "tool_response": ""}


async def sent_during_two_calls(api: Api) -> tuple[Host, dict[str, Any]]:
    """An agent with two calls under way, side-1 and side-2, and a message sent meanwhile."""
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    for n in (1, 2):
        await host.hook("PreToolUse", tool_name="Bash", tool_use_id=f"side-{n}")
    return host, await send(api, to_agent="run-1")


async def test_a_call_that_ran_meanwhile_proves_nothing(api: Api) -> None:
    host, sent = await sent_during_two_calls(api)

    first = await host.told("PostToolUse", tool_use_id="side-1", **SIDE)
    await host.hook("PostToolUse", tool_use_id="side-2", **SIDE)
    meanwhile = await state(api, sent)
    await host.call()

    assert sent["message"]["id"] in first
    assert (meanwhile, await state(api, sent)) == ("injected", "seen")


async def test_a_call_began_when_it_did_however_long_recording_it_takes(api: Api) -> None:
    host, sent = await sent_during_two_calls(api)

    await host.hook("PostToolUse", tool_use_id="side-1", **SIDE)
    holding = asyncio.create_task(in_thread(hold_the_log, 0.5))
    await asyncio.sleep(0.1)
    await host.hook("PostToolUse", tool_use_id="side-2", **SIDE)
    await holding

    assert await state(api, sent) == "injected"


@transaction.atomic
def hold_the_log(seconds: float) -> None:
    EventHead.objects.update(seq=F("seq"))
    time.sleep(seconds)


async def test_a_prompt_carries_messages_and_a_subagent_gets_its_own(api: Api) -> None:
    host = Host(api)
    await host.hook("SubagentStart", agent_id="sub-1", agent_type="reviewer")
    to_main, to_sub = await send(api, to_agent="run-1"), await send(api, to_agent="sub-1")

    by_sub = await host.call(agent_id="sub-1", agent_type="reviewer")
    by_prompt = await host.told("UserPromptSubmit", prompt="And now?")

    assert to_sub["message"]["id"] in by_sub
    assert to_main["message"]["id"] in by_prompt
    assert to_sub["message"]["id"] not in by_prompt


async def test_only_what_is_urgent_keeps_an_agent_from_its_rest(api: Api) -> None:
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    await send(api, to_agent="run-1")

    calm = await host.told("Stop")
    urgent = await send(api, to_agent="run-1", priority=7)
    told = await host.told("Stop")
    again = await host.told("Stop", stop_hook_active=True)

    assert calm == ""
    assert urgent["message"]["id"] in told
    assert again == ""
    assert await state(api, urgent) == "seen"


async def test_a_host_that_begins_again_gets_it_again_but_not_for_ever(api: Api) -> None:
    host = Host(api)
    sent = await send(api, to_agent="run-1")
    texts = []

    for _ in range(5):
        await host.hook("SessionStart", source="resume")
        texts.append(await host.told("UserPromptSubmit", prompt="Go"))

    assert [sent["message"]["id"] in text for text in texts] == [True, True, True, False, False]
    delivery = (await api.get(f"/api/deliveries/{sent['message']['id']}")).json()["delivery"]
    assert (delivery["state"], delivery["injections"]) == ("queued", 3)
    inbox = (await api.get("/api/messages/run-1")).json()["messages"]
    assert [each["id"] for each in inbox] == [sent["message"]["id"]]
    assert await state(api, sent) == "seen"


async def test_a_reply_that_nobody_read_is_given_again(api: Api) -> None:
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    sent = await send(api, to_agent="run-1")
    call: dict[str, Any] = {"tool_name": "Bash", "tool_use_id": "t1", "tool_response": ""}

    first = await host.told("PostToolUse", **call)
    spooled = await host.told("PostToolUse", **call, dcm_hook={"spooled": True})
    second = await host.call()

    assert sent["message"]["id"] in first
    assert spooled == ""
    assert sent["message"]["id"] in second


async def test_what_an_agent_reads_by_itself_is_not_put_before_it(api: Api) -> None:
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    sent = await send(api, to_agent="run-1")

    await api.get("/api/messages/run-1")

    assert await state(api, sent) == "seen"
    assert await host.call() == ""


async def test_a_message_to_who_ended_is_dead_and_its_sender_gets_a_notice(
    api: Api, listen: Listen
) -> None:
    lead_hears = await listen("agents/run-2")
    lead, worker = Host(api, "run-2"), Host(api)
    await lead.hook("UserPromptSubmit", prompt="Lead")
    await worker.hook("UserPromptSubmit", prompt="Work")
    waiting = await send(api, from_agent="run-2", to_agent="run-1")

    await worker.hook("SessionEnd", reason="logout")
    notice = await lead.call()
    later = await send(api, from_agent="run-2", to_agent="run-1")

    event = await lead_hears.next_event("message.undeliverable", channel="agents/run-2")
    assert event["data"]["id"] == waiting["message"]["id"]
    assert await state(api, waiting) == "dead"
    assert f"in reply to {waiting['message']['id']}" in notice
    assert "its session ended (logout)" in notice
    assert later["deliveries"][0]["state"] == "dead"
    assert "logout" in later["deliveries"][0]["reason"]


async def test_a_subagent_that_ends_takes_its_messages_along(api: Api) -> None:
    host = Host(api)
    await host.hook("SubagentStart", agent_id="sub-1", agent_type="reviewer")
    sent = await send(api, to_agent="sub-1")

    await host.hook("SubagentStop", agent_id="sub-1", agent_type="reviewer")

    assert await state(api, sent) == "dead"


async def test_messages_of_a_pair_are_numbered_and_say_what_they_answer(api: Api) -> None:
    first = await send(api, to_agent="ag-1")
    second = await send(api, to_agent="ag-1")
    other = await send(api, to_agent="ag-2")

    crossed = await send(api, from_agent="ag-1", to_agent="lead")
    answer = await send(api, from_agent="ag-1", to_agent="lead", in_reply_to=first["message"]["id"])

    numbers = [each["deliveries"][0]["number"] for each in (first, second, other, crossed, answer)]
    assert numbers == [1, 2, 1, 1, 2]
    assert crossed["deliveries"][0]["is_crossed"] is True
    assert await state(api, first) == "acknowledged"
    await api.get("/api/messages/ag-1")
    await api.get("/api/messages/lead")
    seen_all = await send(api, from_agent="ag-1", to_agent="lead")
    assert seen_all["deliveries"][0]["is_crossed"] is False


async def test_a_session_has_a_budget_and_what_is_beyond_waits_in_the_inbox(
    api: Api, settings: Settings
) -> None:
    settings.INJECT_MAX_CHARACTERS = 1_000
    host = Host(api)
    await host.hook("SubagentStart", agent_id="sub-1", agent_type="reviewer")
    small = await send(api, to_agent="run-1", content="x" * 300)
    large = await send(api, to_agent="sub-1", content="y" * 900)

    assert "xxx" in await host.call()
    assert await host.call(agent_id="sub-1") == ""

    assert await state(api, small) == "injected"
    delivery = (await api.get(f"/api/deliveries/{large['message']['id']}")).json()["delivery"]
    assert (delivery["state"], delivery["reason"]) == (
        "queued",
        "the session's budget for injected text is used up",
    )
    inbox = (await api.get("/api/messages/sub-1")).json()["messages"]
    assert inbox[0]["content"] == {"message": "y" * 900}


async def test_a_budget_of_times_is_kept(api: Api, settings: Settings) -> None:
    settings.INJECT_MAX_TIMES = 2
    host = Host(api)
    told = []
    for _ in range(4):
        await send(api, to_agent="run-1")
        told.append(await host.call())

    assert [bool(text) for text in told] == [True, True, False, False]


async def test_a_long_message_is_cut_and_many_are_spread(api: Api) -> None:
    host = Host(api)
    await send(api, to_agent="run-1", content="long " * 5_000)
    for _ in range(6):
        await send(api, to_agent="run-1", content="ä" * 1_900)

    first, second = await host.call(), await host.call()

    assert max(len(first), len(second)) <= 9_000
    assert "the whole message is in the inbox" in first + second
    assert (first + second).count("[id ") == 7 - (await _left("run-1"))


async def _left(agent_id: str) -> int:
    rows = Delivery.objects.filter(to_agent=agent_id, state="queued")
    return await in_thread(rows.count)


async def test_broadcasts_and_heartbeats_are_left_to_the_inbox(api: Api) -> None:
    host = Host(api)
    everyone = await send(api)
    await send(api, to_agent="run-1", topic="agent.heartbeat")

    assert await host.call() == ""
    assert everyone["deliveries"] == []
    missing = await api.get(f"/api/deliveries/{everyone['message']['id']}")
    assert (missing.status_code, missing.json()) == (404, {"error": "Message not found"})


async def test_only_its_addressee_acknowledges_a_message(api: Api) -> None:
    sent = await send(api, to_agent="ag-1")
    route = f"/api/deliveries/{sent['message']['id']}/acknowledge"

    other = await api.post(route, json={"agent_id": "ag-2"})
    nobody = await api.post(route, json={})
    unknown = await api.post(
        f"/api/deliveries/{uuid.uuid4()}/acknowledge", json={"agent_id": "ag-1"}
    )
    odd = await api.post("/api/deliveries/x/acknowledge", json={"agent_id": "ag-1"})
    twice = [(await api.post(route, json={"agent_id": "ag-1"})).json() for _ in range(2)]

    codes = [each.status_code for each in (other, nobody, unknown, odd)]
    assert codes == [404, 400, 404, 400]
    assert twice[0] == twice[1]
    assert twice[0]["delivery"]["state"] == "acknowledged"


async def test_an_answer_to_nothing_is_refused(api: Api) -> None:
    body = {"from_agent": "a", "to_agent": "b", "topic": "context.response", "content": "x"}

    reply = await api.post("/api/messages", json={**body, "in_reply_to": str(uuid.uuid4())})

    assert reply.status_code == 404
    assert not await in_thread(Message.objects.exists)


async def test_what_expired_is_put_before_nobody(api: Api) -> None:
    host = Host(api)
    await send(api, to_agent="run-1")
    past = timezone.now() - timedelta(seconds=1)
    await in_thread(Delivery.objects.update, expires_at=past)

    assert await host.call() == ""


async def test_who_is_silent_for_a_day_has_ended(api: Api) -> None:
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    sent = await send(api, to_agent="run-1")
    await in_thread(Agent.objects.update, seen_at=timezone.now() - timedelta(hours=25))

    assert await in_thread(end_lost) == 1

    assert await state(api, sent) == "dead"
    assert (await host.agent())["state"] == "ended"


@pytest.mark.parametrize("agents", [1, 5])
async def test_fifty_hooks_at_once_carry_each_message_once(api: Api, agents: int) -> None:
    host = Host(api)
    await host.hook("UserPromptSubmit", prompt="Go")
    ids = [f"sub-{n}" for n in range(agents)]
    for agent_id in ids:
        await host.hook("SubagentStart", agent_id=agent_id, agent_type="reviewer")
    sent = [await send(api, to_agent=ids[n % agents]) for n in range(10)]

    async def end_call(number: int) -> str:
        call = {"tool_name": "Bash", "tool_use_id": f"t-{number}", "tool_response": ""}
        return await host.told("PostToolUse", agent_id=ids[number % agents], **call)

    texts = await asyncio.gather(*(end_call(number) for number in range(50)))

    told = "".join(texts)
    assert [told.count(f"[id {each['message']['id']}") for each in sent] == [1] * 10
    deliveries = (await api.get("/api/deliveries?from_agent=lead")).json()["deliveries"]
    assert {each["injections"] for each in deliveries} == {1}
