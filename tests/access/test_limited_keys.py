"""A key that is limited to projects neither sees nor changes anything of another one."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from dcm.access import RULES
from dcm.lib.keys.services import revoke_key
from dcm.lib.threads import in_thread
from projects.models import Claim, Project, Subtask
from sessions_app.models import Session
from sessions_app.services.coordinator import share_context
from tests.conftest import Api, Server
from tests.contract.rest import error_of
from tests.factories import (
    make_action,
    make_claim,
    make_delivery,
    make_message,
    make_project,
    make_request,
    make_subtask,
    make_task,
)
from tests.keys.conftest import MakeKey
from tests.sockets import Listener

pytestmark = pytest.mark.usefixtures("production")

TABLES = (
    *("projects_project", "projects_request", "projects_task", "projects_subtask"),
    *("projects_action", "sessions_app_session", "messaging_message", "sessions_app_contextentry"),
    "projects_claim",
)


@dataclass
class Tree:
    """One project with a row of every kind, all of which bear its mark."""

    mark: str
    project: Project
    ids: dict[str, str]


def make_tree(mark: str) -> Tree:
    project = make_project(path=f"/srv/{mark}", name=mark)
    session = Session.objects.create(id=f"session-{mark}", project=project)
    request = make_request(project=project, session_id=session.id, prompt=mark)
    task = make_task(request=request, name=mark, status="running")
    subtask = make_subtask(task=task, description=mark, agent_id="ag-1", status="running")
    action = make_action(subtask=subtask, tool_name=mark, session_id=session.id)
    message = make_message(project=project, from_agent=mark, content={"text": mark})
    make_claim(subtask=subtask)
    make_subtask(task=task, description=mark)
    share_context(session_id=session.id, key="k", value=mark, tags=[], agent_id="ag-1")
    make_delivery(message_id=message.id, project=project, reason=mark)
    ids = {
        "project_id": project.id,
        "request_id": request.id,
        "task_id": task.id,
        "subtask_id": subtask.id,
        "claim_id": subtask.id,
        "session_id": session.id,
        "action_id": action.id,
        "message_id": message.id,
        "agent_id": "ag-1",
        "key": "k",
        "question_id": "q",
    }
    return Tree(mark, project, {name: str(value) for name, value in ids.items()})


def url_of(path: str, tree: Tree) -> str:
    kind = path.split("/")[2].removesuffix("s") if path.startswith("/api/") else ""
    pk = tree.ids.get(f"{kind}_id", "")
    return path.replace("{pk}", pk).format(**tree.ids)


def everything_named(tree: Tree) -> dict[str, Any]:
    """A body that would do for any write, if this tree were ours."""
    path = tree.project.path
    return {
        **{name: tree.ids[name] for name in ("project_id", "request_id", "task_id", "subtask_id")},
        "session_id": tree.ids["session_id"],
        "path": path,
        "project_path": path,
        "cwd": path,
        "hook_event_name": "UserPromptSubmit",
        "prompt": "x",
        "status": "failed",
        "name": "x",
        "tool_name": "Edit",
        "tool_type": "builtin",
        "description": "x",
        "agent_id": "ag-1",
        "from_agent": "ag-1",
        "topic": "task.created",
        "content": "x",
        "value": "x",
        "ended_at": "2026-01-01T00:00:00Z",
        "metadata": {"x": 1},
        "max_tokens": 500,
        "agentId": "ag-1",
        "tags": [],
        "question": "x",
        "decision": "x",
        "answer": "x",
    }


def rows_of(mark: str) -> list[str]:
    with connection.cursor() as cursor:
        found = []
        for table in TABLES:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
            found += [row[0] for row in cursor.fetchall() if mark in row[0]]
    return found


OWN_ROUTES = sorted(name for name, rule in RULES.items() if rule.reach == "own")


@pytest.mark.parametrize("name", OWN_ROUTES)
async def test_nothing_of_another_project_is_shown_or_changed(
    api: Api, make_key: MakeKey, name: str
) -> None:
    mine, theirs = await in_thread(lambda: (make_tree("mine-tree"), make_tree("their-tree")))
    scope = RULES[name].scope
    key = await make_key(scope=scope, projects=[mine.project.id])
    api.headers["X-API-Key"] = key.text
    before = await in_thread(rows_of, theirs.mark)
    assert len(before) >= 8
    method, path = name.split()
    writes = method in ("POST", "PUT", "PATCH")

    body: Any = {"json": everything_named(theirs)} if writes else {}
    if RULES[name].each:
        body = {"json": {"actions": [everything_named(mine), everything_named(theirs)]}}
    replies = [await api.request(method, url_of(path, theirs), **body)]
    if not writes:
        for field in ("project_id", "session_id", "request_id", "task_id", "subtask_id"):
            filters = {field: theirs.ids[field]}
            replies.append(await api.request(method, url_of(path, theirs), params=filters))

    for reply in replies:
        assert reply.status_code < 500, reply.text
        assert theirs.mark not in reply.text.replace(theirs.ids["session_id"], "")
        if writes or "{" in path.replace("{agent_id}", ""):
            assert reply.status_code in (403, 404), (reply.status_code, reply.text)
    assert await in_thread(rows_of, theirs.mark) == before


@pytest.mark.parametrize(
    ("kind", "mark_of"),
    [("actions", "tool_name"), ("deliveries", "reason"), ("claims", "subtask_id")],
)
async def test_keys_that_ask_in_turns_get_pages_of_their_own(
    api: Api, make_key: MakeKey, kind: str, mark_of: str
) -> None:
    trees = await in_thread(lambda: [make_tree("mine-tree"), make_tree("their-tree")])
    keys = [await make_key(scope="agent", projects=[tree.project.id]) for tree in trees]

    for tree, key in [*zip(trees, keys, strict=True)] * 2:
        asked = {"limit": "1", "offset": "0"}
        reply = await api.get(f"/api/{kind}", params=asked, headers={"X-API-Key": key.text})

        page = reply.json()
        assert [row[mark_of] for row in page[kind]] == [tree.ids.get(mark_of, tree.mark)]
        behind = {"limit": "1", "cursor": page["next_cursor"]}
        reply = await api.get(f"/api/{kind}", params=behind, headers={"X-API-Key": key.text})
        assert reply.json()[kind] == []


@pytest.mark.parametrize("name", [name for name in OWN_ROUTES if name.startswith("GET")])
async def test_what_is_its_own_is_shown(api: Api, make_key: MakeKey, name: str) -> None:
    mine = await in_thread(make_tree, "mine-tree")
    key = await make_key(projects=[mine.project.id])
    path = name.split()[1]
    by_path = {"path": mine.project.path} if path.endswith("by-path") else {}

    reply = await api.get(url_of(path, mine), params=by_path, headers={"X-API-Key": key.text})

    assert reply.status_code == 200, reply.text


async def test_the_work_of_a_project_can_be_done_with_a_key_of_it(
    api: Api, make_key: MakeKey
) -> None:
    project = await in_thread(make_project, path="/srv/mine")
    key = await make_key(projects=[project.id])
    api.headers["X-API-Key"] = key.text

    async def post(url: str, **body: Any) -> Any:
        reply = await api.post(url, json=body)
        assert reply.status_code in (200, 201), (url, reply.text)
        return reply.json()

    await post("/api/projects", path="/srv/mine/", name="Mine")
    await post("/api/sessions", id="s-1", project_id=str(project.id))
    request = await post(
        "/api/requests", project_id=str(project.id), session_id="s-1", prompt="Add login"
    )
    task = await post("/api/tasks", request_id=request["request"]["id"])
    subtask = await post("/api/subtasks", task_id=task["task"]["id"], description="Look")
    action = {"tool_name": "Edit", "tool_type": "builtin"}
    await post("/api/actions", subtask_id=subtask["subtask"]["id"], **action)
    await post("/api/actions", project_path="/srv/mine", session_id="new", **action)
    hook = {"cwd": "/srv/mine", "session_id": "hooked", "prompt": "Go"}
    await post("/api/hooks/claude-code", hook_event_name="UserPromptSubmit", **hook)
    await post(
        "/api/messages",
        from_agent="a",
        topic="task.created",
        content="x",
        project_id=str(project.id),
    )
    listed = await api.get("/api/actions")
    brief = await api.get("/api/context/ag-1", params={"session_id": "s-1"})

    assert listed.json()["count"] == 2
    assert "Add login" in brief.text


async def test_hours_count_its_own_actions(api: Api, make_key: MakeKey) -> None:
    mine, theirs = await in_thread(lambda: (make_tree("mine-tree"), make_tree("their-tree")))
    key = await make_key(projects=[mine.project.id])
    everybodys = await make_key()
    for path in (mine.project.path, theirs.project.path):
        await in_thread(make_action, project_path=path)

    counted = []
    for caller in (key, everybodys):
        reply = await api.get("/api/actions/hourly", headers={"X-API-Key": caller.text})
        counted.append(sum(hour["count"] for hour in reply.json()["data"]))

    assert counted == [2, 4]


async def test_only_work_of_its_projects_is_claimed_and_all_is_swept(
    api: Api, make_key: MakeKey
) -> None:
    mine, theirs = await in_thread(lambda: (make_tree("mine-tree"), make_tree("their-tree")))
    key = await make_key(projects=[mine.project.id])
    await in_thread(lambda: Claim.objects.update(expires_at=timezone.now()))
    of_session = {"agent_id": "ag-2", "of_session": theirs.ids["session_id"]}

    none = await api.post("/api/claims", json=of_session, headers={"X-API-Key": key.text})
    claimed = [
        await api.post("/api/claims", json={"agent_id": "ag-2"}, headers={"X-API-Key": key.text})
        for _ in range(3)
    ]

    assert [reply.status_code for reply in [none, *claimed]] == [200, 201, 201, 200]
    assert theirs.mark not in "".join(reply.text for reply in claimed)
    swept = await in_thread(Subtask.objects.get, id=theirs.ids["subtask_id"])
    assert (swept.status, swept.agent_id) == ("pending", None)


async def test_many_at_once_keep_apart(api: Api, make_key: MakeKey) -> None:
    trees = await in_thread(lambda: [make_tree(f"tree-{n}-x") for n in range(5)])
    keys = [(await make_key(projects=[tree.project.id])).text for tree in trees]

    async def look(n: int) -> None:
        which = n % 5
        for path in ("/api/actions", "/api/projects", "/api/messages/ag-1?mark_read=false"):
            reply = await api.get(path, headers={"X-API-Key": keys[which]})
            assert reply.status_code == 200
            marks = {tree.mark for tree in trees if tree.mark in reply.text}
            assert marks == {trees[which].mark}

    await asyncio.gather(*(look(n) for n in range(50)))


# --- agents and tokens --------------------------------------------------------------------------


async def token_of(api: Api, key: str, **body: Any) -> str:
    reply = await api.post("/api/auth/token", json=body, headers={"X-API-Key": key})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["token"])


async def test_a_key_speaks_for_its_agents_only(api: Api, make_key: MakeKey) -> None:
    key = await make_key(agents=["web-*", "lead"])
    api.headers["X-API-Key"] = key.text
    sends = {"topic": "task.created", "content": "x"}

    for agent_id, status in (("web-1", 200), ("lead", 200), ("db-1", 403), ("leader", 403)):
        token = await api.post("/api/auth/token", json={"agent_id": agent_id})
        inbox = await api.get(f"/api/messages/{agent_id}")
        sent = await api.post("/api/messages", json={"from_agent": agent_id, **sends})
        assert (token.status_code, inbox.status_code) == (status, status)
        assert sent.status_code == (201 if status == 200 else 403)
    refused = await api.post("/api/auth/token", json={"agent_id": "db-1"})
    assert error_of(refused) == (403, "This key does not speak for agent db-1")


async def test_a_socket_of_a_limited_key_hears_its_session_and_itself(
    api: Api, server: Server, make_key: MakeKey
) -> None:
    mine, theirs = await in_thread(lambda: (make_tree("mine-tree"), make_tree("their-tree")))
    key = (await make_key(projects=[mine.project.id])).text
    foreign = await api.post(
        "/api/auth/token",
        json={"agent_id": "ag-1", "session_id": theirs.ids["session_id"]},
        headers={"X-API-Key": key},
    )
    assert foreign.status_code == 404
    token = await token_of(api, key, agent_id="ag-1", session_id=mine.ids["session_id"])

    async with Listener.open(server.ws_url) as socket:
        assert (await socket.ask(type="auth", token=token))["success"]
        allowed = {
            channel: (await socket.ask(type="subscribe", channel=channel))["success"]
            for channel in (
                *("global", "metrics", "topics/task.created", "agents/ag-1", "agents/ag-2"),
                *(f"sessions/{mine.ids['session_id']}", f"sessions/{theirs.ids['session_id']}"),
            )
        }

    assert {name for name, may in allowed.items() if may} == {
        "agents/ag-1",
        f"sessions/{mine.ids['session_id']}",
    }


async def test_a_socket_ends_with_its_key(api: Api, server: Server, make_key: MakeKey) -> None:
    key = await make_key()
    token = await token_of(api, key.text, agent_id="ag-1")

    async with (
        Listener.open(server.ws_url) as native,
        Listener.open(f"{server.trpc_url}/?token={token}") as coordinator,
    ):
        assert (await native.ask(type="auth", token=token))["success"]
        await in_thread(revoke_key, key.key.id, by="the test")
        for listener in (native, coordinator):
            async with asyncio.timeout(5):
                await listener.socket.wait_closed()
            assert listener.socket.close_code == 4001
        async with Listener.open(server.ws_url) as again:
            assert (await again.ask(type="auth", token=token))["code"] == "4001"


async def test_in_production_a_socket_hears_nothing_before_it_says_who_it_is(
    api: Api, server: Server, make_key: MakeKey
) -> None:
    key = await make_key(scope="operator")
    token = await token_of(api, key.text, agent_id="chief")

    async with Listener.open(server.ws_url) as socket:
        for channel in ("global", "metrics", "topics/task.created"):
            assert not (await socket.ask(type="subscribe", channel=channel))["success"]
        assert (await socket.ask(type="auth", token=token))["success"]
        assert (await socket.next_event())["channel"] == "global"
        # An operator supervises.
        assert (await socket.ask(type="subscribe", channel="agents/other"))["success"]
