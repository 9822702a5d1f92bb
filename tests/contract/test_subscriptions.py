"""Contract: rest 5.11, aliases 7, quirks R06, R30."""

import pytest

from dcm.lib.threads import in_thread
from messaging.models import Subscription
from tests.conftest import Api
from tests.contract.rest import (
    UNKNOWN,
    Row,
    bad_fields,
    error_of,
    get,
    ids,
    is_wire_time,
    post_message,
    quoted,
    subscribe,
)


def told(subscription: Row) -> Row:
    """What a deletion says about the row."""
    return {
        "success": True,
        "deleted": {name: subscription[name] for name in ("id", "agent_id", "topic")},
    }


async def test_a_subscription_comes_back_as_it_was_posted(api: Api) -> None:
    body = {"agent_id": "ag-7", "topic": "task.created", "callback_url": "https://a.test/b?c"}

    response = await api.post("/api/subscribe", json=body)

    assert (response.status_code, response.json()["success"]) == (201, True)
    row = response.json()["subscription"]
    keys = ["id", "agent_id", "topic", "callback_url", "created_at", "updated_at"]
    assert list(row) == keys
    assert {name: row[name] for name in body} == body
    assert is_wire_time(row["created_at"])
    assert await get(api, "/api/subscriptions") == {"subscriptions": [row], "count": 1}


async def test_subscribing_again_keeps_the_row_and_replaces_the_callback(api: Api) -> None:
    first = await subscribe(api, callback_url="https://a.test/")

    again = await subscribe(api)

    assert again == {**first, "callback_url": None, "updated_at": again["updated_at"]}
    assert again["updated_at"] >= first["updated_at"]


async def test_a_null_callback_is_none(api: Api) -> None:
    assert (await subscribe(api, callback_url=None))["callback_url"] is None


@pytest.mark.parametrize("url", ["http://a", "ftp://a/b", "mailto:a@b.test", "custom://x/y z"])
async def test_a_callback_may_have_any_scheme(api: Api, url: str) -> None:
    assert (await subscribe(api, callback_url=url))["callback_url"] == url


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"agent_id": ""}, "agent_id"),
        ({"agent_id": None}, "agent_id"),
        ({"agent_id": 5}, "agent_id"),
        ({"topic": "context.generated"}, "topic"),
        ({"topic": "task.*"}, "topic"),
        ({"topic": "TASK.CREATED"}, "topic"),
        ({"callback_url": "nowhere"}, "callback_url"),
        ({"callback_url": "/a/b"}, "callback_url"),
        ({"callback_url": ""}, "callback_url"),
        ({"callback_url": 5}, "callback_url"),
    ],
)
async def test_a_bad_field_is_named(api: Api, fields: Row, bad: str) -> None:
    body = {"agent_id": "ag-7", "topic": "task.created", **fields}

    response = await api.post("/api/subscribe", json=body)

    assert bad_fields(response) == {bad}


async def test_a_topic_may_be_named_event_type(api: Api) -> None:
    body = {"agent_id": "ag-7", "event_type": "task.failed"}

    subscribed = await api.post("/api/subscribe", json=body)
    unsubscribed = await api.post("/api/unsubscribe", json=body)

    assert (subscribed.status_code, unsubscribed.status_code) == (201, 200)
    assert unsubscribed.json() == told(subscribed.json()["subscription"])


async def test_the_list_is_filtered_by_agent_and_topic_newest_first(api: Api) -> None:
    pairs = [("a", "task.created"), ("a", "task.failed"), ("b", "task.failed")]
    one, two, three = [
        (await subscribe(api, agent_id=agent, topic=topic))["id"] for agent, topic in pairs
    ]

    async def found(**query: str) -> list[str]:
        return await ids(api, "/api/subscriptions", "subscriptions", **query)

    assert await found() == [three, two, one]
    assert await found(agent_id="a") == [two, one]
    assert await found(topic="task.failed") == [three, two]
    assert await found(agent_id="a", topic="task.failed") == [two]
    assert await found(agent_id="A") == []


async def test_the_list_ignores_limits_and_shows_at_most_1000(api: Api) -> None:
    rows = [Subscription(agent_id=f"ag-{n}", topic="task.created") for n in range(1001)]
    await in_thread(Subscription.objects.bulk_create, rows)

    listed = await get(api, "/api/subscriptions", limit=1, offset=5)
    filtered = await get(api, "/api/subscriptions", topic="task.created")

    assert (listed["count"], filtered["count"]) == (1000, 1001)


async def test_an_agent_has_its_subscriptions_by_topic(api: Api) -> None:
    for topic in ("task.failed", "agent.heartbeat", "task.created"):
        await subscribe(api, topic=topic)
    await subscribe(api, agent_id="other")

    reply = await get(api, "/api/subscriptions/ag-7")

    topics = ["agent.heartbeat", "task.created", "task.failed"]
    assert [row["topic"] for row in reply.pop("subscriptions")] == topics
    assert reply == {"agent_id": "ag-7", "topics": topics, "count": 3}


@pytest.mark.parametrize("agent_id", ["a/b", "a b/ü?", "a/"])
async def test_an_agent_id_is_any_text(api: Api, agent_id: str) -> None:
    row = await subscribe(api, agent_id=agent_id)

    reply = await get(api, f"/api/subscriptions/{quoted(agent_id)}")

    assert (reply["agent_id"], reply["subscriptions"]) == (agent_id, [row])


async def test_an_unknown_agent_has_none(api: Api) -> None:
    assert await get(api, "/api/subscriptions/nobody") == {
        "agent_id": "nobody",
        "subscriptions": [],
        "topics": [],
        "count": 0,
    }


async def test_a_subscription_is_deleted_once(api: Api) -> None:
    row, kept = await subscribe(api), await subscribe(api, agent_id="other")

    first = await api.delete(f"/api/subscriptions/{row['id']}")
    again = await api.delete(f"/api/subscriptions/{row['id']}")

    assert (first.status_code, first.json()) == (200, told(row))
    assert error_of(again) == (404, "Subscription not found")
    assert await ids(api, "/api/subscriptions", "subscriptions") == [kept["id"]]


async def test_an_agent_unsubscribes_from_a_topic_once(api: Api) -> None:
    row = await subscribe(api)
    body = {"agent_id": "ag-7", "topic": "task.created"}

    first = await api.post("/api/unsubscribe", json=body)
    again = await api.post("/api/unsubscribe", json=body)

    assert (first.status_code, first.json()) == (200, told(row))
    assert error_of(again) == (404, "Subscription not found")


async def test_unsubscribing_takes_any_topic(api: Api) -> None:
    response = await api.post("/api/unsubscribe", json={"agent_id": "ag-7", "topic": "made.up"})

    assert error_of(response) == (404, "Subscription not found")


@pytest.mark.parametrize("body", [{}, {"agent_id": "", "topic": ""}, {"agent_id": 5, "topic": 5}])
async def test_unsubscribing_needs_an_agent_and_a_topic(api: Api, body: Row) -> None:
    response = await api.post("/api/unsubscribe", json=body)

    assert bad_fields(response) == {"agent_id", "topic"}


async def test_an_unknown_subscription_is_not_found(api: Api) -> None:
    response = await api.delete(f"/api/subscriptions/{UNKNOWN}")

    assert error_of(response) == (404, "Subscription not found")


async def test_an_inbox_does_not_depend_on_subscriptions(api: Api) -> None:
    await subscribe(api, topic="task.failed")
    message = await post_message(api, topic="task.created")

    for agent in ("ag-7", "without"):
        assert await ids(api, f"/api/messages/{agent}", "messages") == [message["id"]]
