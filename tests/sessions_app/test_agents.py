"""GET /api/agents: who is there, at what, with how much unread."""

from datetime import timedelta

from django.utils import timezone

from dcm.lib.threads import in_thread
from dcm.lib.wire import wire_time
from tests.conftest import Api, Listen
from tests.factories import make_action, make_message, make_subtask

MESSAGE = {"from_agent": "a", "topic": "task.created", "content": "x"}


async def test_an_agent_is_shown_with_its_work_its_inbox_and_its_blocks(
    api: Api, listen: Listen
) -> None:
    subtask = await in_thread(
        make_subtask, agent_id="ag-7", agent_type="backend", status="running", description="Go"
    )
    await in_thread(make_subtask, agent_id="ag-7", status="pending")
    await api.post("/api/messages", json={**MESSAGE, "to_agent": "ag-7"})
    await api.post("/api/messages", json=MESSAGE)
    await api.post("/api/blocking", json={"blocked_by": "x", "blocked_agent": "ag-7"})
    for _ in range(2):
        socket = await listen(agent_id="ag-7")
        await socket.heard()

    agent = (await api.get("/api/agents/ag-7")).json()["agent"]

    assert (agent["online"], agent["connections"]) == (True, 2)
    assert (agent["agent_type"], agent["unread_count"]) == ("backend", 2)
    assert agent["is_blocked"] is True
    assert agent["current_subtask"]["id"] == str(subtask.id)
    assert agent["connected_since"] is not None
    assert agent["last_seen_at"] is not None


async def test_those_online_come_first(api: Api, listen: Listen) -> None:
    for agent_id in ("a-away", "z-away"):
        await in_thread(make_subtask, agent_id=agent_id, status="completed")
    watcher = await listen(agent_id="m-here")
    await watcher.heard()

    reply = (await api.get("/api/agents")).json()

    mine = [each for each in reply["agents"] if each["agent_id"] in {"a-away", "z-away", "m-here"}]
    assert [each["agent_id"] for each in mine] == ["m-here", "a-away", "z-away"]
    assert [each["online"] for each in mine] == [True, False, False]
    assert mine[1]["current_subtask"] is None


async def test_nobody_of_that_name_is_a_404(api: Api) -> None:
    reply = await api.get("/api/agents/nobody")

    assert (reply.status_code, reply.json()) == (404, {"error": "Agent not found"})


async def test_what_each_has_not_read_is_counted(api: Api) -> None:
    for agent_id in ("ag-1", "ag-2"):
        await in_thread(make_subtask, agent_id=agent_id)
    for to_agent in ("ag-1", None, None):
        await api.post("/api/messages", json={**MESSAGE, "to_agent": to_agent})
    expired = timezone.now() - timedelta(hours=1)
    await in_thread(make_message, read_by=["ag-2"], expires_at=expired)
    await api.get("/api/messages/ag-2")
    await api.post("/api/messages", json=MESSAGE)

    reply = (await api.get("/api/agents")).json()

    unread = {each["agent_id"]: each["unread_count"] for each in reply["agents"]}
    assert (unread["ag-1"], unread["ag-2"]) == (4, 1)


async def test_an_agent_was_last_seen_when_its_newest_action_came(api: Api) -> None:
    earlier, later = (timezone.now() - timedelta(minutes=ago) for ago in (30, 20))
    subtasks = [
        await in_thread(
            make_subtask, agent_id="ag-7", created_at=timezone.now() - timedelta(days=ago)
        )
        for ago in (0.5, 2)
    ]
    await in_thread(make_action, subtask=subtasks[0], created_at=earlier)
    await in_thread(make_action, subtask=subtasks[1], created_at=later)

    agent = (await api.get("/api/agents/ag-7")).json()["agent"]

    assert agent["last_seen_at"] == wire_time(later)
