"""What operations announce, where, and with which data. Contract: websocket 9, W10, W13 to W18."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from dcm.lib.threads import in_thread
from messaging.services.messages import expire_messages
from tests.conftest import Api, Listen
from tests.contract.rest import (
    UNKNOWN,
    Row,
    block,
    get,
    post_action,
    post_message,
    post_project,
    post_request,
    post_session,
    post_subtask,
    post_task,
    subscribe,
)
from tests.factories import make_message
from tests.sockets import Frame, Listener

TASK_STATUSES = {
    "pending": ["task.pending", "task.updated"],
    "running": ["task.running", "task.updated"],
    "blocked": ["task.blocked", "task.updated"],
    "completed": ["task.completed"],
    "failed": ["task.failed"],
}
SUBTASK_STATUSES = {
    "pending": ["subtask.pending", "subtask.updated"],
    "running": ["subtask.running", "subtask.updated"],
    "paused": ["subtask.paused", "subtask.updated"],
    "blocked": ["subtask.blocked", "subtask.updated"],
    "completed": ["subtask.completed"],
    "failed": ["subtask.failed"],
}
FRAME_KEYS = ["type", "id", "channel", "event", "data", "timestamp"]


async def tune_in(listen: Listen, *channels: str) -> Listener:
    """A listener that hears what is announced from now on, and nothing that came before."""
    listener = await listen(*channels)
    await listener.heard()
    return listener


async def news(listener: Listener) -> list[tuple[str, str]]:
    """What was announced, and where, in alphabetical order; equal data goes without saying."""
    frames = await listener.heard()
    assert len({str(frame["data"]) for frame in frames}) <= 1
    return sorted((frame["event"], frame["channel"]) for frame in frames)


def on(events: list[str], *channels: str) -> list[tuple[str, str]]:
    return sorted((event, channel) for event in events for channel in channels)


async def one(listener: Listener, channel: str = "global") -> Frame:
    """The only event on this channel."""
    (frame,) = [frame for frame in await listener.heard() if frame["channel"] == channel]
    return frame


def task_data(task: Row, session_id: str = "s-1") -> Row:
    keys = ("id", "request_id", "wave_number", "status")
    return {**{name: task[name] for name in keys}, "session_id": session_id}


def subtask_data(subtask: Row, session_id: str = "s-1") -> Row:
    keys = ("id", "task_list_id", "task_id", "agent_type", "agent_id", "status")
    return {**{name: subtask[name] for name in keys}, "session_id": session_id}


# --- the frame --------------------------------------------------------------------------------


async def test_a_frame_has_all_its_keys(api: Api, listen: Listen) -> None:
    listener = await tune_in(listen)
    await post_session(api, id="s-1")

    frame = await listener.next_event("session.created")

    assert list(frame) == FRAME_KEYS
    assert frame["type"] == "event"
    assert frame["id"].startswith("msg_")
    assert isinstance(frame["timestamp"], int)


async def test_an_event_has_one_id_on_all_channels_and_for_all_listeners(
    api: Api, listen: Listen
) -> None:
    listeners = [await tune_in(listen, "sessions/s-1") for _ in range(2)]
    await post_session(api, id="s-1")

    frames = [frame for listener in listeners for frame in await listener.heard()]

    assert len(frames) == 4
    assert len({frame["id"] for frame in frames}) == 1


async def test_the_two_events_of_a_status_have_ids_of_their_own(api: Api, listen: Listen) -> None:
    task = await post_task(api)
    listener = await tune_in(listen)

    await api.patch(f"/api/tasks/{task['id']}", json={"status": "running"})

    updated, running = await listener.heard()
    assert updated["id"] != running["id"]
    assert updated["data"] == running["data"]


# --- the work tree ----------------------------------------------------------------------------


async def test_a_new_task_is_announced_globally_and_in_its_session(
    api: Api, listen: Listen
) -> None:
    request = await post_request(api, session_id="s-1")
    listener = await tune_in(listen, "sessions/s-1", "sessions/other")

    task = await post_task(api, request_id=request["id"])

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["global", "sessions/s-1"]
    for frame in frames:
        assert (frame["event"], frame["data"]) == ("task.created", task_data(task))


@pytest.mark.parametrize(("status", "events"), TASK_STATUSES.items())
async def test_a_status_of_a_task_has_its_events(
    api: Api, listen: Listen, status: str, events: list[str]
) -> None:
    task = await post_task(api)
    listener = await tune_in(listen, "sessions/s-1")

    await api.patch(f"/api/tasks/{task['id']}", json={"status": status, "name": "x"})

    assert await news(listener) == on(events, "global", "sessions/s-1")


async def test_the_data_of_a_task_is_that_after_the_change(api: Api, listen: Listen) -> None:
    task = await post_task(api)
    listener = await tune_in(listen)

    await api.patch(f"/api/tasks/{task['id']}", json={"status": "completed"})

    assert (await one(listener))["data"] == task_data({**task, "status": "completed"})


async def test_a_new_name_of_a_task_is_an_update(api: Api, listen: Listen) -> None:
    task = await post_task(api)
    listener = await tune_in(listen, "sessions/s-1")

    await api.patch(f"/api/tasks/{task['id']}", json={"name": "Models"})

    assert await news(listener) == on(["task.updated"], "global", "sessions/s-1")


async def test_a_deleted_task_is_announced(api: Api, listen: Listen) -> None:
    task = await post_task(api)
    listener = await tune_in(listen, "sessions/s-1")

    await api.delete(f"/api/tasks/{task['id']}")

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["global", "sessions/s-1"]
    for frame in frames:
        assert (frame["event"], frame["data"]) == ("task.deleted", task_data(task))


AGENT = {"agent_type": "backend-django", "agent_id": "ag-7"}
AGENT_CHANNELS = ["agents/ag-7", "agents/backend-django"]


async def test_a_new_subtask_is_announced_to_its_agent_by_type_and_by_id(
    api: Api, listen: Listen
) -> None:
    task = await post_task(api)
    listener = await tune_in(listen, *AGENT_CHANNELS, "agents/other", "sessions/s-1")

    subtask = await post_subtask(api, task_id=task["id"], **AGENT)

    frames = await listener.heard()
    channels = sorted(frame["channel"] for frame in frames)
    assert channels == [*AGENT_CHANNELS, "global", "sessions/s-1"]
    for frame in frames:
        assert (frame["event"], frame["data"]) == ("subtask.created", subtask_data(subtask))


@pytest.mark.parametrize("agent", [{}, {"agent_type": "", "agent_id": ""}])
async def test_a_subtask_of_nobody_is_announced_to_no_agent(
    api: Api, listen: Listen, agent: dict[str, Any]
) -> None:
    task = await post_task(api)
    listener = await tune_in(listen, "sessions/s-1")

    await post_subtask(api, task_id=task["id"], **agent)

    assert await news(listener) == on(["subtask.created"], "global", "sessions/s-1")


async def test_an_agent_named_like_its_type_is_told_once(api: Api, listen: Listen) -> None:
    task = await post_task(api)
    listener = await tune_in(listen, "agents/backend")

    await post_subtask(api, task_id=task["id"], agent_type="backend", agent_id="backend")

    assert await news(listener) == on(["subtask.created"], "agents/backend", "global")


@pytest.mark.parametrize(("status", "events"), SUBTASK_STATUSES.items())
async def test_a_status_of_a_subtask_has_its_events(
    api: Api, listen: Listen, status: str, events: list[str]
) -> None:
    subtask = await post_subtask(api, **AGENT)
    listener = await tune_in(listen, *AGENT_CHANNELS, "sessions/s-1")

    await api.patch(f"/api/subtasks/{subtask['id']}", json={"status": status})

    assert await news(listener) == on(events, *AGENT_CHANNELS, "global", "sessions/s-1")


async def test_a_subtask_without_a_new_status_is_updated(api: Api, listen: Listen) -> None:
    subtask = await post_subtask(api, agent_id="ag-7")
    listener = await tune_in(listen, "agents/ag-7", "agents/ag-8")

    await api.patch(f"/api/subtasks/{subtask['id']}", json={"agent_id": "ag-8", "result": {"a": 1}})

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["agents/ag-8", "global"]
    assert frames[0]["event"] == "subtask.updated"
    assert frames[0]["data"] == subtask_data({**subtask, "agent_id": "ag-8"})


async def test_a_deleted_subtask_is_announced_to_its_agent(api: Api, listen: Listen) -> None:
    subtask = await post_subtask(api, **AGENT)
    listener = await tune_in(listen, *AGENT_CHANNELS, "sessions/s-1")

    await api.delete(f"/api/subtasks/{subtask['id']}")

    frames = await listener.heard()
    channels = sorted(frame["channel"] for frame in frames)
    assert channels == [*AGENT_CHANNELS, "global", "sessions/s-1"]
    for frame in frames:
        assert (frame["event"], frame["data"]) == ("subtask.deleted", subtask_data(subtask))


async def test_a_deleted_request_is_announced_in_its_session(api: Api, listen: Listen) -> None:
    request = await post_request(api, session_id="s-1")
    listener = await tune_in(listen, "sessions/s-1")

    await api.delete(f"/api/requests/{request['id']}")

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["global", "sessions/s-1"]
    for frame in frames:
        assert frame["event"] == "request.deleted"
        assert frame["data"] == {"id": request["id"], "session_id": "s-1"}


async def test_a_deleted_project_is_announced_globally(api: Api, listen: Listen) -> None:
    project = await post_project(api)
    listener = await tune_in(listen)

    await api.delete(f"/api/projects/{project['id']}")

    frame = await one(listener)
    assert (frame["event"], frame["data"]) == ("project.deleted", {"id": project["id"]})


@pytest.mark.parametrize("count", [0, 2])
async def test_actions_deleted_together_are_announced_once(
    api: Api, listen: Listen, count: int
) -> None:
    for _ in range(count):
        await post_action(api, session_id="s-1")
    listener = await tune_in(listen, "sessions/s-1")

    await api.delete("/api/actions/by-session/s-1")

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["global", "sessions/s-1"]
    for frame in frames:
        assert frame["event"] == "actions.bulk_deleted"
        assert frame["data"] == {"session_id": "s-1", "deleted_count": count}


async def test_what_a_tool_said_is_never_announced(api: Api, listen: Listen) -> None:
    listener = await tune_in(listen, "sessions/s-1")

    await post_action(
        api,
        session_id="s-1",
        input="secret",
        output="secret",
        file_paths=["secret"],
        project_path="secret",
    )

    frames = await listener.heard()
    assert {frame["event"] for frame in frames} == {"action.created"}
    assert "secret" not in str(frames)


# --- messages and blocks ----------------------------------------------------------------------


async def test_a_direct_message_is_announced_once_on_each_channel(api: Api, listen: Listen) -> None:
    listener = await tune_in(listen, "agents/ag-7", "agents/planner", "topics/task.created")

    message = await post_message(api, to_agent="ag-7", priority=5, content={"a": "secret"})

    frames = await listener.heard()
    channels = sorted(frame["channel"] for frame in frames)
    assert channels == ["agents/ag-7", "global", "topics/task.created"]
    for frame in frames:
        assert frame["event"] == "message.new"
        assert frame["data"] == {
            "id": message["id"],
            "from": "planner",
            "to": "ag-7",
            "topic": "task.created",
            "priority": 5,
            "created_at": message["created_at"],
            "expires_at": message["expires_at"],
            "is_broadcast": False,
        }


async def test_a_broadcast_is_announced_globally_and_under_its_topic(
    api: Api, listen: Listen
) -> None:
    listener = await tune_in(listen, "topics/task.failed", "topics/task.created")

    await post_message(api, topic="task.failed")

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["global", "topics/task.failed"]
    assert (frames[0]["data"]["to"], frames[0]["data"]["is_broadcast"]) == (None, True)


async def test_a_broadcast_reaches_the_subscribers_of_its_topic_but_not_its_sender(
    api: Api, listen: Listen
) -> None:
    for agent_id, topic in [
        ("reader", "task.failed"),
        ("planner", "task.failed"),
        ("other", "task.created"),
    ]:
        await subscribe(api, agent_id=agent_id, topic=topic)
    listener = await tune_in(listen, "agents/reader", "agents/planner", "agents/other")

    await post_message(api, from_agent="planner", topic="task.failed")

    assert await news(listener) == on(["message.new"], "agents/reader", "global")


async def test_a_direct_message_does_not_reach_subscribers(api: Api, listen: Listen) -> None:
    await subscribe(api, agent_id="reader", topic="task.failed")
    listener = await tune_in(listen, "agents/reader")

    await post_message(api, to_agent="ag-7", topic="task.failed")

    assert await news(listener) == on(["message.new"], "global")


async def test_the_first_reading_of_a_message_is_announced_to_its_sender(
    api: Api, listen: Listen
) -> None:
    message = await post_message(api, to_agent="ag-7")
    listener = await tune_in(listen, "agents/planner", "agents/ag-7")

    for _ in range(2):
        await get(api, "/api/messages/ag-7")

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["agents/planner", "global"]
    for frame in frames:
        assert frame["event"] == "message.read"
        assert frame["data"] == {
            "id": message["id"],
            "from": "planner",
            "to": "ag-7",
            "topic": "task.created",
            "read_by": "ag-7",
        }


async def test_looking_without_marking_is_not_announced(api: Api, listen: Listen) -> None:
    await post_message(api, to_agent="ag-7")
    listener = await tune_in(listen, "agents/planner")

    await get(api, "/api/messages/ag-7", mark_read="false")

    assert await listener.heard() == []


@pytest.mark.parametrize(
    ("to_agent", "channels"), [("ag-7", ["agents/ag-7", "global"]), (None, ["global"])]
)
async def test_an_expired_message_is_announced(
    api: Api, listen: Listen, to_agent: str | None, channels: list[str]
) -> None:
    listener = await tune_in(listen, "agents/ag-7")
    message = await in_thread(make_message, to_agent=to_agent, expires_in=timedelta(seconds=-1))

    await in_thread(expire_messages)

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == channels
    for frame in frames:
        assert frame["event"] == "message.expired"
        assert frame["data"] == {
            "id": str(message.id),
            "from": "planner",
            "to": to_agent,
            "topic": "task.created",
        }


def block_data(row: Row) -> Row:
    return {
        "id": row["id"],
        "by": row["blocked_by"],
        "blocked_by": row["blocked_by"],
        "agent_id": row["blocked_agent"],
        "blocked_agent": row["blocked_agent"],
        "reason": row["reason"],
    }


async def test_a_block_is_announced_to_the_agent_that_shall_wait(api: Api, listen: Listen) -> None:
    listener = await tune_in(listen, "agents/ag-1", "agents/ag-2")

    row = await block(api, reason="migration")

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["agents/ag-2", "global"]
    for frame in frames:
        assert (frame["event"], frame["data"]) == ("agent.blocked", block_data(row))


@pytest.mark.parametrize("by_id", [True, False])
async def test_an_unblocking_is_announced_to_the_agent_that_waited(
    api: Api, listen: Listen, by_id: bool
) -> None:
    row = await block(api)
    listener = await tune_in(listen, "agents/ag-2")

    if by_id:
        await api.delete(f"/api/blocking/{row['id']}")
    else:
        await api.post("/api/unblock", json={"blocked_by": "ag-1", "blocked_agent": "ag-2"})

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["agents/ag-2", "global"]
    for frame in frames:
        assert (frame["event"], frame["data"]) == ("agent.unblocked", block_data(row))


# --- sessions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "body", "event"),
    [
        ("POST", {"id": "s-1"}, "session.created"),
        ("PATCH", {"ended_at": "2026-03-04T05:06:07Z"}, "session.ended"),
        ("DELETE", None, "session.deleted"),
    ],
)
async def test_the_life_of_a_session_is_announced(
    api: Api, listen: Listen, method: str, body: Row | None, event: str
) -> None:
    if method != "POST":
        await post_session(api, id="s-1")
    listener = await tune_in(listen, "sessions/s-1")

    path = "/api/sessions" if method == "POST" else "/api/sessions/s-1"
    await api.request(method, path, json=body)

    frames = await listener.heard()
    assert sorted(frame["channel"] for frame in frames) == ["global", "sessions/s-1"]
    for frame in frames:
        data = {"id": "s-1", "session_id": "s-1", "project_id": None}
        assert (frame["event"], frame["data"]) == (event, data)


@pytest.mark.parametrize("body", [{"total_errors": 1}, {"ended_at": None}])
async def test_a_session_that_goes_on_is_not_announced(api: Api, listen: Listen, body: Row) -> None:
    await post_session(api, id="s-1")
    listener = await tune_in(listen, "sessions/s-1")

    await api.patch("/api/sessions/s-1", json=body)

    assert await listener.heard() == []


# --- silence ----------------------------------------------------------------------------------


async def test_projects_requests_and_subscriptions_come_quietly(api: Api, listen: Listen) -> None:
    listener = await tune_in(listen, "sessions/s-1", "agents/ag-7")

    project = await post_project(api)
    await post_project(api, path=project["path"], name="x")
    request = await post_request(api, project_id=project["id"])
    await api.patch(f"/api/requests/{request['id']}", json={"status": "completed"})
    row = await subscribe(api)
    await api.delete(f"/api/subscriptions/{row['id']}")
    await api.post("/api/routing/feedback", json={"tool_name": "Edit", "keywords": ["a"]})

    assert await listener.heard() == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/tasks", {"request_id": UNKNOWN}),
        ("PATCH", f"/api/tasks/{UNKNOWN}", {"status": "running"}),
        ("DELETE", f"/api/tasks/{UNKNOWN}", None),
        ("POST", "/api/subtasks", {"task_id": UNKNOWN, "description": "x"}),
        ("DELETE", f"/api/projects/{UNKNOWN}", None),
        ("DELETE", "/api/sessions/unknown", None),
        ("POST", "/api/blocking", {"blocked_by": "a", "blocked_agent": "a"}),
        ("POST", "/api/unblock", {"blocked_by": "a", "blocked_agent": "b"}),
        ("POST", "/api/messages", {"from_agent": "a", "topic": "task.created", "content": 5}),
    ],
)
async def test_what_was_refused_is_not_announced(
    api: Api, listen: Listen, method: str, path: str, body: Row | None
) -> None:
    listener = await tune_in(listen)

    response = await api.request(method, path, json=body)

    assert response.status_code in {400, 404}
    assert await listener.heard() == []


async def test_children_of_what_is_deleted_go_quietly(api: Api, listen: Listen) -> None:
    subtask = await post_subtask(api)
    project = (await get(api, "/api/projects"))["projects"][0]
    listener = await tune_in(listen)

    await api.delete(f"/api/projects/{project['id']}")

    assert (await get(api, "/api/subtasks"))["count"] == 0, subtask
    assert await news(listener) == on(["project.deleted"], "global")


async def test_events_of_one_caller_come_in_the_order_of_their_requests(
    api: Api, listen: Listen
) -> None:
    listener = await tune_in(listen)
    request = await post_request(api)

    made = [await post_task(api, request_id=request["id"]) for _ in range(20)]

    assert [frame["data"]["id"] for frame in await listener.heard()] == [t["id"] for t in made]


async def test_every_event_of_many_callers_is_heard_once(api: Api, listen: Listen) -> None:
    listener = await tune_in(listen)

    made = await asyncio.gather(*(post_session(api) for _ in range(50)))

    heard = [frame["data"]["id"] for frame in await listener.heard()]
    assert sorted(heard) == sorted(session["id"] for session in made)
