"""The SDK over HTTP. Contract: hooks-and-sdk 5."""

import inspect
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from django.urls import get_resolver, resolve

from dcm_client import (
    AsyncDCMClient,
    Conflict,
    ConnectionFailed,
    DCMClient,
    NotFound,
    Overloaded,
    ValidationFailed,
)
from dcm_client.calls import Call, listing, route
from dcm_client.results import Claimed
from dcm_client.routes import Routes
from tests.client.hooks import http, nowhere, strange_server, take_request
from tests.conftest import Server

UNKNOWN = "3f9d2a1e-0000-4000-8000-000000000000"

ROUTES = {name: one for part in Routes.__mro__ for name, one in vars(part).items()}


@pytest.fixture
def dcm(server: Server) -> Iterator[DCMClient]:
    with DCMClient(server.url) as client:
        yield client


def make_request(dcm: DCMClient) -> str:
    project = dcm.create_project("/srv/shop", "Shop")
    return dcm.create_request("run-1", "Add login", project.id).id


async def test_the_work_tree_is_made_and_read_back(dcm: DCMClient) -> None:
    task = dcm.create_task(make_request(dcm))
    subtask = dcm.create_subtask(task.id, "Write it", agent_id="backend", status="running")
    dcm.record_action("Edit", input="login form", subtask_id=subtask.id, session_id="run-1")
    dcm.update_subtask(subtask.id, status="completed", result={"ok": True})
    dcm.update_task(task.id, status="completed")

    project = dcm.get_project_by_path("/srv/shop")
    tree = dcm.get_hierarchy(project.id)
    (wave,) = tree.hierarchy.requests[0].tasks
    assert (wave.status, wave.subtasks[0].result) == ("completed", {"ok": True})
    assert tree.stats.total_actions == 1
    assert dcm.get_subtask(subtask.id).actions[0].tool_name == "Edit"
    assert dcm.get_project(project.id).requests[0].prompt == "Add login"


async def test_agents_at_work_are_seen(dcm: DCMClient) -> None:
    task = dcm.create_task(make_request(dcm))
    dcm.create_subtask(task.id, "Write it", agent_id="backend", status="running")

    (agent,) = dcm.get_agents()

    assert (agent.agent_id, agent.online) == ("backend", False)
    assert dcm.get_agent("backend").current_subtask == agent.current_subtask
    assert dcm.get_active_agents()[0].description == "Write it"


async def test_everything_that_was_made_can_be_deleted(dcm: DCMClient) -> None:
    request_id = make_request(dcm)
    task = dcm.create_task(request_id)
    subtask = dcm.create_subtask(task.id, "Write it")
    action = dcm.record_action("Edit", subtask_id=subtask.id, session_id="run-1")

    dcm.delete_action(action.id)
    dcm.delete_subtask(subtask.id)
    dcm.delete_task(task.id)
    dcm.delete_request(request_id)
    dcm.delete_project(dcm.get_project_by_path("/srv/shop").id)

    assert list(dcm.list_projects()) == []
    assert dcm.delete_actions_by_session("run-1") == 0


async def test_work_is_claimed_renewed_and_given_back(dcm: DCMClient) -> None:
    task = dcm.create_task(make_request(dcm))
    first = dcm.create_subtask(task.id, "Write it")
    dcm.create_subtask(task.id, "Test it", blocked_by=[first.id])

    claimed = dcm.claim_next("web", agent_types=["backend"], session_id="run-1")
    assert claimed.claim is not None
    assert [each.description for each in claimed.unblocks] == ["Test it"]
    assert [each.subtask_id for each in dcm.list_claims(agent_id="web")] == [first.id]
    assert dcm.renew_claim(first.id, "web", 60).ttl_seconds == 60
    assert dcm.release_claim(first.id, "web").subtask_id == first.id
    with pytest.raises(Conflict):
        dcm.update_subtask(first.id, status="completed", token=claimed.claim.token)
    dcm.claim_next("api")

    assert dcm.claim_next("web") == Claimed(unblocks=[], waiting=1)


async def test_files_are_checked_against_leases(dcm: DCMClient) -> None:
    project = dcm.create_project("/srv/shop")
    dcm.take_leases(project.id, "web", ["src/**"])

    checked = dcm.check_leases(project.id, "api", ["src/a.py", "docs/a.md"])

    assert checked.mode == "warn"
    assert [(each.path, each.lease.agent_id) for each in checked.conflicts] == [("src/a.py", "web")]


async def test_actions_teach_which_tool_to_suggest(dcm: DCMClient) -> None:
    action = dcm.record_action("Edit", input="login form")
    dcm.routing_feedback("Edit", ["login"], chosen=True)

    (suggestion,) = dcm.suggest_tool(["login", "form"], min_score=0.1)

    assert (suggestion.tool_name, suggestion.keyword_matches) == ("Edit", ["form", "login"])
    assert dcm.get_action(action.id).input == "login form"
    assert dcm.get_actions_hourly()[0].count == 1
    assert dcm.get_routing_stats().totals["unique_tools"] == 1


async def test_what_was_done_is_found(dcm: DCMClient) -> None:
    request_id = make_request(dcm)
    action = dcm.record_action("Edit", input="login form", session_id="run-1")

    first, second = dcm.search("login", session_id="run-1", limit=10)
    (done,) = dcm.search("login", kinds=["action"])

    assert {first.id, second.id} == {request_id, action.id}
    assert [(part.text, part.is_match) for part in done.excerpt] == [
        ("login", True),
        (" form", False),
    ]


async def test_a_batch_tells_what_became_of_each_action(dcm: DCMClient) -> None:
    batch = dcm.record_actions([{"tool_name": "Edit", "tool_type": "builtin"}, {"tool_name": ""}])

    assert (batch.success, batch.count) == (False, 1)
    assert [each.success for each in batch.results] == [True, False]
    assert "tool_name" in batch.results[1].details


async def test_sessions_begin_are_found_and_end(dcm: DCMClient) -> None:
    dcm.create_session("a/b c?")

    ended = dcm.end_session("a/b c?")

    assert ended.ended_at is not None
    assert dcm.get_session("a/b c?").id == "a/b c?"
    assert list(dcm.list_sessions(active_only=True)) == []
    assert dcm.get_session_stats().overview["total_sessions"] == 1
    with pytest.raises(Conflict):
        dcm.create_session("a/b c?")
    dcm.update_session("a/b c?", total_errors=3)
    dcm.delete_session("a/b c?")


async def test_messages_reach_their_reader(dcm: DCMClient) -> None:
    sent = dcm.send_message("lead", "task.created", {"n": 1}, to_agent="backend", priority=7)
    dcm.send_message("lead", "task.created", "to all")

    first, second = dcm.get_messages("backend", mark_read=False)

    assert (first.id, first.content, first.is_broadcast) == (sent.id, {"n": 1}, False)
    assert second.content == {"message": "to all"}
    dcm.mark_message_read(sent.id, "backend")
    assert [each.id for each in dcm.get_messages("backend", unread_only=True)] == [second.id]


async def test_a_sender_follows_its_message(dcm: DCMClient) -> None:
    dcm.send_hook_event({"hook_event_name": "Stop", "session_id": "run-1", "cwd": "/srv/shop"})
    agent = dcm.get_agent("run-1")
    sent = dcm.send_message("lead", "task.created", "Go", to="session:run-1")

    assert (agent.state, agent.reason) == ("idle", "finished its turn")
    assert sent.to_agent == "run-1"
    assert dcm.get_delivery(sent.id).state == "queued"
    answer = dcm.send_message("run-1", "task.created", "Yes", to="lead", in_reply_to=sent.id)
    assert dcm.acknowledge_message(answer.id, "lead").state == "acknowledged"
    assert [each.state for each in dcm.list_deliveries(from_agent="lead")] == ["acknowledged"]
    assert not list(dcm.list_deliveries(to_agent="lead", state="queued"))
    with pytest.raises(NotFound):
        dcm.send_message("lead", "task.created", "Go", to="session:nobody")


async def test_subscriptions_and_blocks_come_and_go(dcm: DCMClient) -> None:
    kept = dcm.subscribe("backend", "task.created")
    dcm.subscribe("backend", "task.failed")
    block = dcm.block_agent("lead", "backend", "migration")

    assert dcm.unsubscribe("backend", "task.failed").topic == "task.failed"
    assert dcm.get_subscriptions(topic="task.created") == dcm.get_subscriptions_of("backend")
    assert dcm.delete_subscription(kept.id).id == kept.id
    assert dcm.is_blocked("backend")
    assert not dcm.is_blocked("backend", by="somebody")
    assert dcm.get_blocking("backend").blocked_by[0]["reason"] == "migration"
    assert dcm.delete_block(block.id).blocked_by == "lead"
    with pytest.raises(NotFound):
        dcm.unblock_agent("lead", "backend")


async def test_leases_are_taken_renewed_and_given_back(dcm: DCMClient) -> None:
    project = dcm.create_project("/srv/shop")
    (lease,) = dcm.take_leases(project.id, "ag-1", ["src/**"], reason="moves", ttl_seconds=60)

    with pytest.raises(Conflict) as refused:
        dcm.take_leases(project.id, "ag-2", ["src/a.py"])
    renewed = dcm.renew_lease(lease.id, "ag-1", 600)

    assert refused.value.reply["conflicts"][0]["id"] == lease.id
    assert renewed.expires_at > lease.expires_at
    assert [each.id for each in dcm.list_leases(project_id=project.id)] == [lease.id]
    assert dcm.release_lease(lease.id, "ag-1").pattern == "src/**"
    assert dcm.set_lease_mode(project.id, "enforce") == "enforce"
    assert dcm.get_lease_mode(project.id) == "enforce"


async def test_briefs_are_read_made_and_restored(dcm: DCMClient) -> None:
    make_request(dcm)

    context = dcm.get_context("backend", session_id="run-1", max_tokens=500)
    generated = dcm.generate_context("backend", "run-1", agent_type="developer")
    restored = dcm.restore_after_compact("run-1", "backend", "Login is half done")

    assert context.brief is not None
    assert generated.brief.agent_id == "backend"
    assert restored.session_compacted
    assert dcm.get_compact_status("run-1").compact_summary == "Login is half done"
    assert [each.number for each in dcm.list_compactions("run-1")] == [1]
    assert context.position is not None
    assert dcm.get_context("backend", session_id="run-1", since=context.position).since
    assert dcm.get_raw_context("backend", session_id="run-1")["agent_id"] == "backend"
    assert dcm.get_context("nobody").brief is None


async def test_agents_share_ask_answer_and_decide(dcm: DCMClient) -> None:
    agent = dcm.join_session("demo", "api", "source", "/srv/api")
    entry = dcm.share_context("demo", "auth/flow", "PKCE", agent.id, tags=["auth"])
    question = dcm.ask_question("demo", "Which port?", agent.id, to=agent.id)
    dcm.answer_question("demo", question.id, "8443", agent.id)
    dcm.log_decision("demo", "Drop v1", agent.id, rationale="Nobody calls it")

    assert dcm.get_entry("demo", "auth/flow").value == "PKCE"
    assert [each.key for each in dcm.list_entries("demo", tags=["auth"])] == ["auth/flow"]
    assert next(dcm.list_questions("demo", state="answered")).answer == "8443"
    assert next(dcm.list_decisions("demo")).rationale == "Nobody calls it"
    assert [each.name for each in dcm.list_agents("demo")] == ["api"]
    with pytest.raises(Conflict):
        dcm.share_context("demo", "auth/flow", "none", agent.id, expected_version=0)
    dcm.share_context("demo", "auth/flow", "new", agent.id, expected_version=entry.version)
    dcm.delete_entry("demo", "auth/flow")
    dcm.leave_session("demo", agent.id)


async def test_the_server_tells_how_it_is(dcm: DCMClient) -> None:
    make_request(dcm)

    assert dcm.is_healthy()
    assert dcm.stats().request_count == 1
    assert dcm.tools_summary().skills >= 0
    assert "total" in dcm.cleanup_stats().messages
    assert dcm.get_token("backend").expires_in == 3600
    assert dcm.get_events(limit=1).head > 0
    assert dcm.get_active_agents() == []
    assert dcm.send_hook_event({"hook_event_name": "Stop", "session_id": "run-1"}) == {}


async def test_lists_are_read_page_by_page(dcm: DCMClient) -> None:
    request_id = make_request(dcm)
    for _ in range(101):
        dcm.create_task(request_id)
    dcm.record_actions([{"tool_name": "Edit", "tool_type": "builtin"}] * 250)

    assert [each.wave_number for each in dcm.list_tasks(request_id=request_id)] == list(range(101))
    assert len({each.id for each in dcm.get_actions()}) == 250
    assert len(list(dcm.get_actions(limit=130))) == 130
    assert list(dcm.get_actions(limit=0)) == []


async def test_both_clients_have_the_same_routes(server: Server) -> None:
    async with AsyncDCMClient(server.url) as dcm:
        project = await dcm.create_project("/srv/shop")
        await dcm.record_actions([{"tool_name": "Edit", "tool_type": "builtin"}] * 101)

        assert await dcm.is_healthy()
        assert (await dcm.get_project(project.id)).path == "/srv/shop"
        assert len([action async for action in dcm.get_actions()]) == 101
        with pytest.raises(NotFound):
            await dcm.get_task(UNKNOWN)


async def test_errors_say_what_the_server_said(dcm: DCMClient) -> None:
    with pytest.raises(ValidationFailed, match="prompt_type") as caught:
        dcm.create_request("run-1", "Go", UNKNOWN, prompt_type="general")

    assert (caught.value.status, caught.value.error) == (400, "Validation failed")
    assert list(caught.value.details) == ["prompt_type"]
    with pytest.raises(NotFound, match="Project not found"):
        dcm.create_request("run-1", "Go", UNKNOWN)


def unsteady(replies: list[bytes | None], requests: list[str]) -> Any:
    """Answers these in turn, None by hanging up; the last for ever."""

    def treat(connection: socket.socket) -> None:
        head, _ = take_request(connection)
        requests.append(head)
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply is not None:
            connection.sendall(reply.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))

    return treat


def key_in(head: str) -> str:
    found = re.search(r"(?i)^idempotency-key: (.+)$", head, re.MULTILINE)
    assert found
    return found[1]


BUSY = http("503 Service Unavailable", '{"error": "Server is busy"}')
RECEIPT = http(
    "201 Created", json.dumps({"unblocked": {"id": "1", "blocked_by": "a", "blocked_agent": "b"}})
)


async def test_a_post_is_repeated_under_one_key() -> None:
    requests: list[str] = []

    with strange_server(unsteady([None, BUSY, RECEIPT], requests)) as url, DCMClient(url) as dcm:
        dcm.unblock_agent("a", "b")

    assert len(requests) == 3
    assert len({key_in(head) for head in requests}) == 1


async def test_it_gives_up_after_its_retries() -> None:
    requests: list[str] = []

    with strange_server(unsteady([BUSY], requests)) as url:
        dcm = DCMClient(url, retries=1)
        with dcm, pytest.raises(Overloaded, match="Server is busy"):
            dcm.unblock_agent("a", "b")

    assert len(requests) == 2


async def test_what_is_refused_is_not_repeated() -> None:
    requests: list[str] = []
    refused = http("404 Not Found", '{"error": "No"}')

    with strange_server(unsteady([refused], requests)) as url:
        dcm = DCMClient(url)
        with dcm, pytest.raises(NotFound):
            dcm.unblock_agent("a", "b")

    assert len(requests) == 1


async def test_a_delete_that_is_repeated_may_find_nothing() -> None:
    gone = http("404 Not Found", '{"error": "Task not found"}')

    with strange_server(unsteady([BUSY, gone], [])) as url, DCMClient(url) as dcm:
        dcm.delete_task(UNKNOWN)


async def test_a_server_that_is_away_or_another_is_said_to_be() -> None:
    with DCMClient(nowhere(), retries=0) as dcm:
        assert not dcm.is_healthy()
        with pytest.raises(ConnectionFailed):
            dcm.stats()
    html = http("200 OK", "<html>", "text/html")
    with strange_server(unsteady([html], [])) as url:
        dcm = DCMClient(url)
        with dcm, pytest.raises(ConnectionFailed, match="unexpected reply"):
            dcm.stats()


def test_every_route_of_the_server_has_a_method() -> None:
    served = {
        route
        for route in routes_of(get_resolver())
        if route.startswith("api/") and not route.startswith(("api/schema", "api/docs"))
    }

    reached = {resolve(unquote(call.path)).route for call in described()}

    assert served - reached == set()


def routes_of(resolver: Any, prefix: str = "") -> Iterator[str]:
    for each in resolver.url_patterns:
        here = prefix + str(each.pattern).removeprefix("^")
        yield from routes_of(each, here) if hasattr(each, "url_patterns") else [here]


def described() -> Iterator[Call[Any]]:
    """What each method would send."""
    for member in ROUTES.values():
        if isinstance(member, route | listing):
            parameters = list(inspect.signature(member._describe).parameters.values())[1:]
            needed = [each for each in parameters if each.default is inspect.Parameter.empty]
            values: Any = [{} if each.name in ("event", "actions") else "x" for each in needed]
            found: Any = member._describe(None, *values)
            yield getattr(found, "call", found)


def test_every_route_says_what_it_returns() -> None:
    for name, member in ROUTES.items():
        if isinstance(member, route | listing):
            said = str(inspect.signature(member._describe).return_annotation)
            assert not said.endswith("[typing.Any]"), name


def test_the_hook_imports_nothing_beside_the_standard_library() -> None:
    script = (
        "import sys, dcm_client.hook;"
        "print([m for m in ('httpx', 'msgspec', 'websockets', 'asyncio', 'http.client', 'ssl')"
        " if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout == b"[]\n"
