"""Contract: rest 5.10, 6.6, aliases 7, quirks R06, R07, R09, R28, R29, R34."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from dcm.lib.threads import in_thread
from messaging.models import Message
from tests.conftest import Api
from tests.contract.rest import (
    UNKNOWN,
    Row,
    bad_fields,
    bad_parameters,
    error_of,
    get,
    ids,
    is_wire_time,
    post_message,
    post_project,
    quoted,
)
from tests.factories import make_message

TOPICS = [
    "task.created",
    "task.completed",
    "task.failed",
    "context.request",
    "context.response",
    "alert.blocking",
    "agent.heartbeat",
    "workflow.progress",
]
BODY = {"from_agent": "planner", "topic": "task.created", "content": {"n": 1}}
PAST = timedelta(seconds=-1)


async def inbox(api: Api, agent_id: str, /, **query: Any) -> list[str]:
    """The ids of the messages that the agent gets."""
    return await ids(api, f"/api/messages/{agent_id}", "messages", **query)


def life_of(message: Row) -> float:
    """Seconds from its creation to its expiry."""
    moments = [datetime.fromisoformat(message[name]) for name in ("created_at", "expires_at")]
    return (moments[1] - moments[0]).total_seconds()


async def test_a_message_is_answered_without_its_content(api: Api) -> None:
    body = {
        "from_agent": "planner",
        "to_agent": "ag-7",
        "topic": "task.created",
        "content": {"n": [1, {"ü": None}]},
        "priority": 5,
        "ttl_seconds": 60,
        "project_id": (await post_project(api))["id"],
    }

    response = await api.post("/api/messages", json=body)

    assert (response.status_code, response.json()["success"]) == (201, True)
    message = response.json()["message"]
    assert list(message) == [
        "id",
        "from_agent",
        "to_agent",
        "topic",
        "priority",
        "created_at",
        "expires_at",
        "is_broadcast",
    ]
    shown = ["from_agent", "to_agent", "topic", "priority"]
    assert {name: message[name] for name in shown} == {name: body[name] for name in shown}
    assert (message["is_broadcast"], life_of(message)) == (False, 60)


async def test_an_inbox_shows_the_whole_message(api: Api) -> None:
    sent = await post_message(api, to_agent="ag-7", content={"n": 1}, priority=5)

    reply = await get(api, "/api/messages/ag-7")

    assert reply == {
        "agent_id": "ag-7",
        "messages": [
            {
                **sent,
                "content": {"n": 1},
                "already_read": False,
                "from_agent_id": "planner",
                "to_agent_id": "ag-7",
                "message_type": "task.created",
                "payload": {"n": 1},
                "read_by": [],
            }
        ],
        "count": 1,
        "unread_remaining": 0,
        "next_cursor": None,
    }


async def test_what_is_absent_or_null_has_a_default(api: Api) -> None:
    bare = await post_message(api)
    nulls = await post_message(
        api, **dict.fromkeys(["to_agent", "priority", "ttl_seconds", "project_id"])
    )

    for message in (bare, nulls):
        assert (message["to_agent"], message["is_broadcast"]) == (None, True)
        assert (message["priority"], life_of(message)) == (0, 3600)


async def test_an_empty_addressee_means_everybody(api: Api) -> None:
    message = await post_message(api, to_agent="")

    assert (message["to_agent"], message["is_broadcast"]) == (None, True)


async def test_text_is_kept_as_an_object(api: Api) -> None:
    await post_message(api, content="hello")
    await post_message(api, content="")

    messages = (await get(api, "/api/messages/ag-7"))["messages"]

    assert [row["content"] for row in messages] == [{"message": "hello"}, {"message": ""}]


async def test_the_life_of_a_message_is_configured(api: Api, settings: Settings) -> None:
    settings.MESSAGE_TTL_SECONDS = 7

    assert life_of(await post_message(api)) == 7
    assert life_of(await post_message(api, ttl_seconds=86_400)) == 86_400


@pytest.mark.parametrize("topic", TOPICS)
async def test_each_topic_is_known(api: Api, topic: str) -> None:
    assert (await post_message(api, topic=topic))["topic"] == topic


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"from_agent": ""}, "from_agent"),
        ({"from_agent": None}, "from_agent"),
        ({"to_agent": 5}, "to_agent"),
        ({"topic": "context.generated"}, "topic"),
        ({"topic": "made.up"}, "topic"),
        ({"topic": None}, "topic"),
        ({"content": [1]}, "content"),
        ({"content": 5}, "content"),
        ({"content": None}, "content"),
        ({"priority": 11}, "priority"),
        ({"priority": -1}, "priority"),
        ({"priority": 1.5}, "priority"),
        ({"priority": "5"}, "priority"),
        ({"ttl_seconds": 0}, "ttl_seconds"),
        ({"ttl_seconds": 86_401}, "ttl_seconds"),
        ({"ttl_seconds": "60"}, "ttl_seconds"),
        ({"project_id": "x"}, "project_id"),
    ],
)
async def test_a_bad_field_is_named(api: Api, fields: Row, bad: str) -> None:
    response = await api.post("/api/messages", json={**BODY, **fields})

    assert bad_fields(response) == {bad}


async def test_an_empty_body_lacks_three_fields(api: Api) -> None:
    response = await api.post("/api/messages", json={})

    assert bad_fields(response) == {"from_agent", "topic", "content"}


async def test_an_unknown_project_is_named(api: Api) -> None:
    response = await api.post("/api/messages", json={**BODY, "project_id": UNKNOWN})

    assert error_of(response) == (404, f"Project not found: {UNKNOWN}")


async def test_the_names_of_the_sdk_are_known(api: Api) -> None:
    body = {
        "from_agent_id": "planner",
        "to_agent_id": "ag-7",
        "topic": "task.created",
        "payload": {"n": 2},
    }

    response = await api.post("/api/messages", json=body)

    assert response.status_code == 201
    (message,) = (await get(api, "/api/messages/ag-7"))["messages"]
    assert (message["from_agent"], message["to_agent"]) == ("planner", "ag-7")
    assert message["content"] == {"n": 2}


async def test_the_canonical_names_win_over_their_aliases(api: Api) -> None:
    message = await post_message(
        api,
        from_agent="a",
        from_agent_id="x",
        to_agent="ag-7",
        to_agent_id="y",
        payload={"no": 1},
        ttl_seconds=5,
        ttl_ms=99_000,
    )

    (shown,) = (await get(api, "/api/messages/ag-7"))["messages"]
    assert (message["from_agent"], message["to_agent"], life_of(message)) == ("a", "ag-7", 5)
    assert shown["content"] == {"n": 1}


@pytest.mark.parametrize(
    ("ttl_ms", "seconds"), [(1, 1), (1000, 1), (1001, 2), (86_400_000, 86_400)]
)
async def test_a_life_in_milliseconds_is_rounded_up(api: Api, ttl_ms: int, seconds: int) -> None:
    assert life_of(await post_message(api, ttl_ms=ttl_ms)) == seconds


@pytest.mark.parametrize("ttl_ms", [0, -1, 86_400_001, "5"])
async def test_an_odd_life_in_milliseconds_is_refused(api: Api, ttl_ms: object) -> None:
    response = await api.post("/api/messages", json={**BODY, "ttl_ms": ttl_ms})

    assert response.status_code == 400
    assert response.json()["error"] == "Validation failed"


async def test_an_inbox_holds_direct_messages_and_all_broadcasts(api: Api) -> None:
    direct = (await post_message(api, to_agent="ag-7"))["id"]
    broadcast = (await post_message(api))["id"]
    own = (await post_message(api, from_agent="ag-7"))["id"]
    await post_message(api, to_agent="ag-8")
    await post_message(api, to_agent="AG-7")

    assert await inbox(api, "ag-7") == [direct, broadcast, own]
    assert await inbox(api, "ag-7", include_broadcasts="false") == [direct]
    assert await inbox(api, "ag-7", include_broadcasts="true") == [direct, broadcast, own]


async def test_the_most_urgent_comes_first_then_the_oldest(api: Api) -> None:
    made = [(await post_message(api, priority=n))["id"] for n in (0, 10, 5, 10, 0)]

    assert await inbox(api, "ag-7") == [made[n] for n in (1, 3, 2, 0, 4)]


async def test_expired_messages_are_not_shown_and_not_unread(api: Api) -> None:
    await in_thread(make_message, expires_in=PAST)
    kept = await in_thread(make_message, expires_at=None)

    reply = await get(api, "/api/messages/ag-7")

    assert [row["id"] for row in reply["messages"]] == [str(kept.id)]
    assert (reply["messages"][0]["expires_at"], reply["unread_remaining"]) == (None, 0)


async def test_filters_are_combined(api: Api) -> None:
    await post_message(api, topic="task.failed")
    moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    wanted = (await post_message(api, topic="task.failed", to_agent="ag-7"))["id"]
    broadcast = (await post_message(api, topic="task.failed"))["id"]
    other = (await post_message(api, topic="task.created"))["id"]

    assert await inbox(api, "ag-7", since=moment) == [wanted, broadcast, other]
    assert await inbox(api, "ag-7", since=moment, topic="task.failed") == [wanted, broadcast]
    query = {"since": moment, "topic": "task.failed", "include_broadcasts": "false"}
    assert await inbox(api, "ag-7", **query) == [wanted]
    assert await inbox(api, "ag-7", topic="made.up") == []


async def test_since_means_strictly_after(api: Api) -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
    await in_thread(make_message, created_at=moment)
    after = await in_thread(make_message, created_at=moment + timedelta(microseconds=1))

    for text in ("2026-03-04T05:06:07.089Z", "2026-03-04T06:06:07.089+01:00"):
        assert await inbox(api, "ag-7", since=text) == [str(after.id)]


async def test_a_limit_takes_the_first_and_counts_the_rest_as_unread(api: Api) -> None:
    made = [(await post_message(api))["id"] for _ in range(3)]

    reply = await get(api, "/api/messages/ag-7", limit=1)

    assert [row["id"] for row in reply["messages"]] == made[:1]
    assert (reply["count"], reply["unread_remaining"]) == (1, 2)


async def test_an_inbox_shows_100_messages_unless_asked_for_more(api: Api) -> None:
    rows = [
        Message(from_agent="a", message_type="x", topic="task.created", content={})
        for _ in range(1001)
    ]
    await in_thread(Message.objects.bulk_create, rows)

    assert len(await inbox(api, "ag-7", mark_read="false")) == 100
    assert len(await inbox(api, "ag-7", mark_read="false", limit=1000)) == 1000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "-1"),
        ("limit", ""),
        ("limit", "x"),
        ("limit", "1.5"),
        ("since", "2026-03-04"),
        ("since", "yesterday"),
        ("since", "2026-03-04T05:06:07"),
        ("include_broadcasts", "1"),
        ("include_broadcasts", ""),
        ("include_broadcasts", "True"),
    ],
)
async def test_a_bad_parameter_is_named(api: Api, name: str, text: str) -> None:
    response = await api.get("/api/messages/ag-7", params={name: text})

    assert bad_parameters(response) == {name}


async def test_reading_marks_each_message_once_for_each_agent(api: Api) -> None:
    await post_message(api)

    first, again = [(await get(api, "/api/messages/ag-7"))["messages"][0] for _ in range(2)]
    other = (await get(api, "/api/messages/ag-8"))["messages"][0]

    assert (first["already_read"], first["read_by"]) == (False, [])
    assert (again["already_read"], again["read_by"]) == (True, ["ag-7"])
    assert (other["already_read"], other["read_by"]) == (False, ["ag-7"])


async def test_only_messages_that_are_shown_are_marked(api: Api) -> None:
    await post_message(api, topic="task.failed", to_agent="ag-7")
    await post_message(api, topic="task.created", to_agent="ag-7")
    await post_message(api)

    reply = await get(api, "/api/messages/ag-7", topic="task.failed", include_broadcasts="false")

    assert (reply["count"], reply["unread_remaining"]) == (1, 2)


async def test_one_can_look_without_marking(api: Api) -> None:
    await post_message(api)

    looks = [await get(api, "/api/messages/ag-7", mark_read="false") for _ in range(2)]

    for look in looks:
        assert (look["messages"][0]["already_read"], look["unread_remaining"]) == (False, 1)


async def test_an_unknown_agent_has_an_empty_inbox(api: Api) -> None:
    assert await get(api, "/api/messages/nobody") == {
        "agent_id": "nobody",
        "messages": [],
        "count": 0,
        "unread_remaining": 0,
        "next_cursor": None,
    }


@pytest.mark.parametrize("agent_id", ["a/b", "a b/ü?", "a%2Fb", "a/", "all", "a\nb\n"])
async def test_an_agent_id_is_any_text(api: Api, agent_id: str) -> None:
    message = await post_message(api, to_agent=agent_id)

    reply = await get(api, f"/api/messages/{quoted(agent_id)}")

    assert reply["agent_id"] == agent_id
    assert [row["id"] for row in reply["messages"]] == [message["id"]]


async def test_a_block_keeps_no_message_away(api: Api) -> None:
    await api.post("/api/blocking", json={"blocked_by": "ag-7", "blocked_agent": "planner"})

    message = await post_message(api, to_agent="ag-7")

    assert await inbox(api, "ag-7") == [message["id"]]


async def test_stats_count_expired_messages_too(api: Api) -> None:
    await in_thread(make_message, expires_in=PAST)
    await post_message(api)

    assert (await get(api, "/stats"))["messageCount"] == 2


async def test_the_times_of_a_message_are_on_the_wire_as_everywhere(api: Api) -> None:
    message = await post_message(api)

    assert is_wire_time(message["created_at"])
    assert is_wire_time(message["expires_at"])
