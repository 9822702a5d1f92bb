"""What many clients at once may rely on: nothing is counted twice, lost, or answered with a 5xx."""

import asyncio
import itertools
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from dcm.lib.threads import in_thread
from messaging.models import Message
from projects.models import Action, Request, Subtask, Task
from routing.models import KeywordToolScore
from sessions_app.models import Session
from tests.conftest import Api, Listen, Server
from tests.contract.rest import (
    Row,
    get,
    ids,
    post_message,
    post_project,
    post_request,
    post_session,
    post_subtask,
    post_task,
)
from tests.factories import make_score
from tests.sockets import Listener

CLIENTS = 50
Call = tuple[str, str, Row | None]


@pytest.fixture
async def crowd(server: Server) -> AsyncIterator[Api]:
    """As many connections as there are clients."""
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client:
        yield client


async def at_once(crowd: Api, calls: list[Call]) -> list[httpx.Response]:
    """The replies to these calls, all under way at the same time; none is a 5xx."""
    replies = await asyncio.gather(
        *(crowd.request(method, path, json=body) for method, path, body in calls)
    )
    assert [reply.text for reply in replies if reply.status_code >= 500] == []
    return replies


def codes(replies: list[httpx.Response]) -> Counter[int]:
    return Counter(reply.status_code for reply in replies)


def post(path: str, /, **body: Any) -> Call:
    return "POST", path, body


def mixed(*kinds: list[Call]) -> list[Call]:
    """Calls of all kinds in turn."""
    turns = itertools.zip_longest(*kinds)
    return [call for turn in turns for call in turn if call is not None]


async def events_of(listener: Listener, kind: str) -> list[Row]:
    """The data of all events of this type so far, on `global`."""
    frames = await listener.heard()
    return [f["data"] for f in frames if (f["event"], f["channel"]) == (kind, "global")]


# --- one row each -----------------------------------------------------------------------------


async def test_upserts_of_one_path_make_one_project_with_everybodys_metadata(crowd: Api) -> None:
    replies = await at_once(
        crowd,
        [post("/api/projects", path="/srv/shop", metadata={f"k{n}": n}) for n in range(100)],
    )

    assert codes(replies) == {201: 100}
    assert len({reply.json()["project"]["id"] for reply in replies}) == 1
    page = await get(crowd, "/api/projects")
    assert page["total"] == 1
    assert page["projects"][0]["metadata"] == {f"k{n}": n for n in range(100)}


async def test_upserts_of_one_subscription_make_one_row(crowd: Api) -> None:
    replies = await at_once(
        crowd, [post("/api/subscribe", agent_id="ag-7", topic="task.created")] * 100
    )

    assert codes(replies) == {201: 100}
    assert (await get(crowd, "/api/subscriptions"))["count"] == 1


async def test_upserts_of_one_block_make_one_row_and_an_event_each(
    crowd: Api, listen: Listen
) -> None:
    listener = await listen()

    replies = await at_once(
        crowd, [post("/api/blocking", blocked_by="ag-1", blocked_agent="ag-2")] * 100
    )

    assert codes(replies) == {201: 100}
    blocked = await get(crowd, "/api/blocking/ag-2")
    assert blocked["summary"] == {"blocked_by_count": 1, "blocking_count": 0}
    told = await events_of(listener, "agent.blocked")
    assert [data["id"] for data in told] == [blocked["blocked_by"][0]["id"]] * 100


async def test_a_session_is_created_once(crowd: Api, listen: Listen) -> None:
    listener = await listen()

    replies = await at_once(crowd, [post("/api/sessions", id="s-1")] * 100)

    assert codes(replies) == {201: 1, 409: 99}
    assert len(await events_of(listener, "session.created")) == 1


async def test_an_action_sent_by_many_under_one_id_is_recorded_once(
    crowd: Api, listen: Listen
) -> None:
    listener = await listen()
    await post_session(crowd, id="s-1")
    action = {"id": "0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11", "session_id": "s-1", "input": "login"}

    replies = await at_once(
        crowd, [post("/api/actions", tool_name="Edit", tool_type="builtin", **action)] * 100
    )

    assert codes(replies) == {201: 100}
    assert (await get(crowd, "/api/sessions/s-1"))["total_tools_used"] == 1
    assert len(await events_of(listener, "action.created")) == 1


# --- numbers ----------------------------------------------------------------------------------


async def test_wave_numbers_neither_repeat_nor_skip(crowd: Api) -> None:
    requests = [await post_request(crowd) for _ in range(2)]

    replies = await at_once(
        crowd,
        mixed(*([post("/api/tasks", request_id=row["id"])] * 60 for row in requests)),
    )

    assert codes(replies) == {201: 120}
    for row in requests:
        page = await get(crowd, "/api/tasks", request_id=row["id"])
        assert [task["wave_number"] for task in page["tasks"]] == list(range(60))


async def test_scores_and_usage_counts_are_exact(crowd: Api) -> None:
    words = ["login", "form", "cart"]
    for word in words:
        await in_thread(make_score, word, score=2.0)
    inputs = [" ".join(order) for order in itertools.permutations(words)]

    await at_once(
        crowd,
        [
            post(
                "/api/actions",
                tool_name="Edit",
                tool_type="builtin",
                input=inputs[n % len(inputs)],
                exit_code=n % 3,
            )
            for n in range(60)
        ],
    )

    rows = await in_thread(lambda: list(KeywordToolScore.objects.all()))
    assert len(rows) == 3
    for row in rows:
        assert (row.usage_count, row.success_count) == (61, 21)
        assert row.score == pytest.approx(2.0 + 20 * 0.1 - 40 * 0.05)


async def test_feedback_among_actions_is_counted_exactly(crowd: Api) -> None:
    for word in ("a-1", "b-2", "c-3"):
        await in_thread(make_score, word, score=3.0)
    learn = [
        post("/api/actions", tool_name="Edit", tool_type="mcp", input="c-3 a-1 b-2", exit_code=1)
    ] * 20
    judge = [
        post("/api/routing/feedback", tool_name="Edit", keywords=["b-2", "c-3", "a-1"], chosen=True)
    ] * 8

    await at_once(crowd, mixed(learn, judge))

    rows = await in_thread(lambda: list(KeywordToolScore.objects.all()))
    assert [row.usage_count for row in rows] == [21, 21, 21]
    # In no order do these reach an end of the range.
    assert [row.score for row in rows] == pytest.approx([3.0 - 20 * 0.05 + 8 * 0.2] * 3)


async def test_session_counters_are_exact(crowd: Api) -> None:
    for n in range(3):
        await post_session(crowd, id=f"s-{n}")

    await at_once(
        crowd,
        [
            post(
                "/api/actions",
                tool_name="Edit",
                tool_type="builtin",
                session_id=f"s-{n % 3}",
                exit_code=n % 2,
            )
            for n in range(150)
        ],
    )

    for n in range(3):
        row = await get(crowd, f"/api/sessions/s-{n}")
        assert [row[name] for name in ("total_tools_used", "total_success", "total_errors")] == [
            50,
            25,
            25,
        ]


async def test_metadata_of_a_request_keeps_what_everybody_added(crowd: Api) -> None:
    request = await post_request(crowd)

    await at_once(
        crowd,
        [
            ("PATCH", f"/api/requests/{request['id']}", {"metadata": {f"k{n}": n}})
            for n in range(60)
        ],
    )

    shown = await get(crowd, f"/api/requests/{request['id']}")
    assert shown["request"]["metadata"] == {f"k{n}": n for n in range(60)}


async def test_fields_that_clients_change_apart_are_all_kept(crowd: Api) -> None:
    subtask = await post_subtask(crowd)
    changes: list[Row] = [{"status": "running"}, {"result": {"a": 1}}, {"agent_id": "ag-7"}]

    await at_once(
        crowd, [("PATCH", f"/api/subtasks/{subtask['id']}", change) for change in changes * 20]
    )

    shown = (await get(crowd, f"/api/subtasks/{subtask['id']}"))["subtask"]
    assert (shown["status"], shown["result"], shown["agent_id"]) == ("running", {"a": 1}, "ag-7")


# --- reading ----------------------------------------------------------------------------------


async def test_each_message_is_read_once_by_each_agent(crowd: Api, listen: Listen) -> None:
    sent = [(await post_message(crowd, priority=n % 3))["id"] for n in range(20)]
    agents = [f"ag-{n}" for n in range(5)]
    listener = await listen()

    await at_once(crowd, [("GET", f"/api/messages/{agent}", None) for agent in agents * 10])

    read = Counter((d["id"], d["read_by"]) for d in await events_of(listener, "message.read"))
    assert read == Counter(itertools.product(sent, agents))
    shown = (await get(crowd, "/api/messages/ag-0"))["messages"]
    assert [sorted(message["read_by"]) for message in shown] == [agents] * 20


async def test_nobody_misses_a_message_that_is_sent_while_many_read(crowd: Api) -> None:
    send = [
        post("/api/messages", from_agent="a", to_agent="ag-7", topic="task.created", content="x")
    ] * 50
    read: list[Call] = [("GET", "/api/messages/ag-7", None)] * 50

    replies = await at_once(crowd, mixed(send, read))
    last = await get(crowd, "/api/messages/ag-7")

    assert codes(replies) == {201: 50, 200: 50}
    assert (last["count"], last["unread_remaining"]) == (50, 0)


# --- deleting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["projects", "requests", "tasks", "subtasks", "sessions"])
async def test_a_row_is_deleted_once_and_announced_once(
    crowd: Api, listen: Listen, kind: str
) -> None:
    make = {
        "projects": post_project,
        "requests": post_request,
        "tasks": post_task,
        "subtasks": post_subtask,
        "sessions": post_session,
    }
    row = await make[kind](crowd)
    listener = await listen()

    replies = await at_once(crowd, [("DELETE", f"/api/{kind}/{row['id']}", None)] * CLIENTS)

    assert codes(replies) == {204: 1, 404: CLIENTS - 1}
    assert len(await events_of(listener, f"{kind.removesuffix('s')}.deleted")) == 1


ROUNDS = 5
CHILDREN = 12


async def test_requests_sessions_and_messages_race_with_the_deletion_of_their_project(
    crowd: Api,
) -> None:
    for _ in range(ROUNDS):
        project = {"project_id": (await post_project(crowd))["id"]}
        message = {"from_agent": "a", "topic": "task.created", "content": "x"}
        replies = await at_once(
            crowd,
            mixed(
                [post("/api/requests", **project, session_id="s", prompt="x")] * CHILDREN,
                [post("/api/messages", **project, **message)] * CHILDREN,
                [post("/api/sessions", **project, id=f"{project}{n}") for n in range(CHILDREN)],
                [("DELETE", f"/api/projects/{project['project_id']}", None)],
            ),
        )

        assert set(codes(replies)) <= {201, 204, 404}
    assert await ids(crowd, "/api/requests", "requests") == []
    assert await ids(crowd, "/api/messages/anyone", "messages") == []
    sessions = (await get(crowd, "/api/sessions"))["sessions"]
    assert {session["project_id"] for session in sessions} <= {None}


async def test_the_tree_grows_while_its_branches_are_deleted(crowd: Api) -> None:
    for _ in range(ROUNDS):
        request = await post_request(crowd)
        task = await post_task(crowd, request_id=request["id"])
        subtask = await post_subtask(crowd, task_id=task["id"])
        parents = [
            f"/api/subtasks/{subtask['id']}",
            f"/api/tasks/{task['id']}",
            f"/api/requests/{request['id']}",
            f"/api/projects/{request['project_id']}",
        ]
        action = {"tool_name": "Edit", "tool_type": "builtin", "input": "login form"}
        replies = await at_once(
            crowd,
            mixed(
                [post("/api/tasks", request_id=request["id"])] * CHILDREN,
                [post("/api/subtasks", task_id=task["id"], description="x")] * CHILDREN,
                [post("/api/actions", subtask_id=subtask["id"], **action)] * CHILDREN,
                [("PATCH", f"/api/subtasks/{subtask['id']}", {"status": "running"})] * CHILDREN,
                [("PATCH", f"/api/tasks/{task['id']}", {"status": "running"})] * CHILDREN,
                [("PATCH", f"/api/requests/{request['id']}", {"metadata": {}})] * CHILDREN,
                [("DELETE", path, None) for path in parents],
            ),
        )

        assert set(codes(replies)) <= {200, 201, 204, 404}
    assert await in_thread(_rows_left) == 0


def _rows_left() -> int:
    return sum(model.objects.count() for model in (Request, Task, Subtask, Action))


async def test_inboxes_are_read_while_projects_are_deleted(crowd: Api) -> None:
    for _ in range(2 * ROUNDS):
        project = (await post_project(crowd))["id"]
        columns = {"project_id": project, "message_type": "x", "topic": "x", "content": {}}
        rows = [Message(**columns) for _ in range(500)]
        await in_thread(Message.objects.bulk_create, rows)
        replies = await at_once(
            crowd,
            mixed(
                [("GET", f"/api/messages/ag-{n}?limit=1000", None) for n in range(6)],
                [("DELETE", f"/api/projects/{project}", None)],
            ),
        )

        assert codes(replies) == {200: 6, 204: 1}


async def test_sessions_are_counted_and_compacted_while_their_project_is_deleted(
    crowd: Api,
) -> None:
    action = {"tool_name": "Edit", "tool_type": "builtin"}
    for number in range(ROUNDS):
        project = (await post_project(crowd))["id"]
        names = [f"{number}-{uuid.uuid4()}" for _ in range(60)]
        await in_thread(
            Session.objects.bulk_create, [Session(id=name, project_id=project) for name in names]
        )
        columns = {"project_id": project, "session_id": "s-1", "prompt": "x"}
        await in_thread(Request.objects.bulk_create, [Request(**columns) for _ in range(300)])
        replies = await at_once(
            crowd,
            mixed(
                [post("/api/compact/restore", session_id="s-1", agent_id="ag-7")] * 3,
                [("DELETE", f"/api/projects/{project}", None)],
                [post("/api/actions", **action, session_id=name) for name in sorted(names)],
            ),
        )

        assert codes(replies) == {200: 3, 201: 60, 204: 1}


async def test_actions_of_a_session_are_deleted_while_their_subtasks_are(
    crowd: Api, listen: Listen
) -> None:
    listener = await listen()
    for _ in range(ROUNDS):
        subtask = await post_subtask(crowd)
        columns = {"subtask_id": subtask["id"], "session_id": "s-1", "tool_name": "Edit"}
        await in_thread(Action.objects.bulk_create, [Action(**columns) for _ in range(300)])
        replies = await at_once(
            crowd,
            mixed(
                [("DELETE", "/api/actions/by-session/s-1", None)] * 4,
                [("DELETE", f"/api/subtasks/{subtask['id']}", None)],
            ),
        )

        assert codes(replies) == {200: 4, 204: 1}
        assert await ids(crowd, "/api/actions", "actions") == []
    told = await events_of(listener, "actions.bulk_deleted")
    assert sum(data["deleted_count"] for data in told) <= 300 * ROUNDS


async def test_subscriptions_come_and_go_at_once(crowd: Api) -> None:
    pair = {"agent_id": "ag-7", "topic": "task.created"}

    replies = await at_once(
        crowd, mixed([post("/api/subscribe", **pair)] * 50, [post("/api/unsubscribe", **pair)] * 50)
    )

    assert set(codes(replies)) <= {200, 201, 404}


async def test_blocks_come_and_go_at_once(crowd: Api, listen: Listen) -> None:
    pair = {"blocked_by": "ag-1", "blocked_agent": "ag-2"}
    listener = await listen()

    replies = await at_once(
        crowd, mixed([post("/api/blocking", **pair)] * 50, [post("/api/unblock", **pair)] * 50)
    )

    found = codes(replies)
    assert set(found) <= {200, 201, 404}
    assert len(await events_of(listener, "agent.unblocked")) == found[200]


async def test_sessions_end_and_count_while_they_are_deleted(crowd: Api) -> None:
    for n in range(ROUNDS):
        session = await post_session(crowd, id=f"s-{n}")
        path = f"/api/sessions/{session['id']}"
        action = {"tool_name": "Edit", "tool_type": "builtin", "session_id": session["id"]}
        replies = await at_once(
            crowd,
            mixed(
                [post("/api/actions", **action)] * CHILDREN,
                [("PATCH", path, {"ended_at": "2026-03-04"})] * CHILDREN,
                [("GET", path, None)] * CHILDREN,
                [("DELETE", path, None), ("DELETE", f"/api/actions/by-session/s-{n}", None)],
            ),
        )

        assert set(codes(replies)) <= {200, 201, 204, 404}
    assert (await get(crowd, "/api/sessions"))["total"] == 0
