"""What an agent gets back. Contract: context-briefs 1 to 7."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dcm.lib.threads import in_thread
from messaging.models import Block, Message
from projects.models import Request, Task
from sessions_app.briefs import generate_brief
from sessions_app.briefs.agent_types import category_of, infer_type
from sessions_app.briefs.budget import CHARACTERS_PER_TOKEN, NOTICE, estimate_tokens, fit
from tests.conftest import Api
from tests.factories import (
    make_action,
    make_message,
    make_project,
    make_request,
    make_subtask,
    make_task,
)

QUERIES = 20  # with BEGIN and COMMIT around what travels together


def make_wave(session_id: str = "s-1", **columns: Any) -> Task:
    project = make_project(path="/srv/shop", name="Shop")
    return make_task(
        request=make_request(project=project, session_id=session_id, prompt="Add login"), **columns
    )


async def brief(api: Api, agent_id: str, **query: Any) -> dict[str, Any]:
    reply = await api.get(f"/api/context/{agent_id}", params={"session_id": "s-1", **query})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


@pytest.mark.parametrize(
    ("agent_id", "agent_type"),
    [
        ("seo-specialist", "seo-specialist"),
        ("agent-backend-3", "backend-laravel"),
        ("agent_frontend_12", "frontend-react"),
        ("qa-worker", "qa-testing"),
        ("agent-latest-99", "qa-testing"),
        ("project-supervisor", "project-supervisor"),
        ("code-reviewer-2", "code-reviewer"),
        ("somebody", "developer"),
        ("", "developer"),
    ],
)
def test_the_type_is_inferred_from_the_id(agent_id: str, agent_type: str) -> None:
    assert infer_type(agent_id) == agent_type


@pytest.mark.parametrize(
    ("agent_type", "category"),
    [
        ("tech-lead", "orchestrator"),
        ("migration-specialist", "developer"),
        ("security-specialist", "specialist"),
        ("security-auditor", "validator"),
        ("frontend-vue", "developer"),
        ("foo-expert", "specialist"),
        ("n8n-specialist", "specialist"),
        ("explore-docs", "researcher"),
        ("fix-grammar", "writer"),
        ("validator", "validator"),
        ("", "developer"),
        ("anything", "developer"),
    ],
)
def test_each_type_has_a_category_the_most_specific_rule_first(
    agent_type: str, category: str
) -> None:
    assert category_of(agent_type) == category


@pytest.mark.parametrize(
    ("agent_type", "title", "section"),
    [
        ("tech-lead", "# Orchestrator brief", "## Active work (1)"),
        ("backend-laravel", "# Developer brief", "## Current task"),
        ("explore-docs", "# Researcher brief", "## Current task"),
        ("qa-testing", "# Validator brief", "checklist"),
        ("security-specialist", "# Specialist brief: Security", "OWASP"),
        ("technical-writer", "# Writer brief", "## "),
    ],
)
async def test_each_category_has_a_brief_of_its_own(
    api: Api, agent_type: str, title: str, section: str
) -> None:
    def work() -> None:
        make_subtask(task=make_wave(), agent_id="ag-7", description="Review it", status="running")

    await in_thread(work)

    reply = await brief(api, "ag-7", agent_type=agent_type)

    content = reply["brief"]["content"]
    assert content.startswith(title.split(":")[0])
    assert section.lower() in content.lower()
    assert "Review it" in content
    assert "Shop" in content


async def test_a_brief_tells_tasks_messages_blocks_and_actions(api: Api) -> None:
    def work() -> None:
        wave = make_wave()
        mine = make_subtask(task=wave, agent_id="ag-7", description="Login form", status="running")
        make_subtask(task=wave, agent_id="other", description="Somebody else's")
        make_message(to_agent="ag-7", priority=8, content={"message": "Look here"})
        make_message(to_agent="other", content={"message": "Not for you"})
        Block.objects.create(blocked_by="db", blocked_agent="ag-7", reason="migration")
        make_action(subtask=mine, tool_name="Edit", file_paths=["/srv/shop/login.py"], exit_code=2)

    await in_thread(work)

    reply = await brief(api, "ag-7")

    content = reply["brief"]["content"]
    for told in ("Login form", "Look here", "db: migration", "/srv/shop/login.py", "error (2)"):
        assert told in content
    assert "Somebody else's" not in content
    assert "Not for you" not in content
    assert [source["type"] for source in reply["sources"]] == [
        "task",
        "message",
        "blocking",
        "history",
        "session",
        "project",
    ]
    assert reply["brief"]["token_count"] == estimate_tokens(content)
    assert reply["brief"]["truncated"] is False


async def test_a_brief_tells_questions_answers_and_decisions_of_the_session(api: Api) -> None:
    room, mine, other = "/api/sessions/s-1", str(uuid.uuid4()), str(uuid.uuid4())
    asked = {"agent_id": other, "question": "Which port?", "to": mine}
    own = {"agent_id": mine, "question": "Who merges?"}
    decided = {"agent_id": other, "decision": "Drop v1", "rationale": "Nobody calls it"}
    await api.post(f"{room}/questions", json=asked)
    question = (await api.post(f"{room}/questions", json=own)).json()["question"]
    answer = {"agent_id": other, "answer": "The lead"}
    await api.post(f"{room}/questions/{question['id']}/answer", json=answer)
    await api.post(f"{room}/decisions", json=decided)

    told = await brief(api, mine)
    others = (await brief(api, other))["brief"]["content"]

    content = told["brief"]["content"]
    for text in ("Which port?", "Who merges?", "The lead", "Drop v1 (Nobody calls it)"):
        assert text in content
    assert [source["type"] for source in told["sources"]] == ["question", "answer", "decision"]
    assert "Questions for you" not in others
    assert "You asked, no answer yet" in others
    assert "Drop v1" in others


async def test_reading_a_brief_marks_nothing_as_read(api: Api) -> None:
    await in_thread(make_message, to_agent="ag-7")

    await brief(api, "ag-7")

    assert (await in_thread(Message.objects.get)).read_by == []


async def test_what_is_not_wanted_is_left_out(api: Api) -> None:
    def work() -> None:
        make_message(to_agent="ag-7", priority=9)
        Block.objects.create(blocked_by="db", blocked_agent="ag-7")
        make_action(session_id="s-1", tool_name="Edit")

    await in_thread(work)
    without = {"include_messages": "false", "include_blocking": "false", "include_history": "false"}

    assert (await brief(api, "ag-7", **without))["sources"] == []
    assert len((await brief(api, "ag-7"))["sources"]) == 3


async def test_the_raw_material_is_given_too(api: Api) -> None:
    def work() -> None:
        make_subtask(task=make_wave(name="Wave 0"), agent_id="ag-7", status="running")

    await in_thread(work)

    reply = await brief(api, "ag-7", format="raw")

    assert reply["counts"] == {"tasks": 1, "messages": 0, "blockings": 0, "history": 0}
    assert reply["data"]["tasks"][0]["task_name"] == "Wave 0"
    assert reply["data"]["session"]["prompt"] == "Add login"
    assert reply["data"]["project"]["path"] == "/srv/shop"


async def test_an_unknown_agent_gets_a_minimal_brief(api: Api) -> None:
    reply = await brief(api, "nobody")

    assert reply["sources"] == []
    assert "Nothing is assigned." in reply["brief"]["content"]


async def test_the_session_is_found_by_open_work(api: Api) -> None:
    def work() -> None:
        make_subtask(task=make_wave("older"), agent_id="ag-7", status="running")
        done = make_request(session_id="done", status=Request.Status.COMPLETED)
        make_subtask(task=make_task(request=done), agent_id="ag-7", status="running")

    await in_thread(work)

    found = (await api.get("/api/context/ag-7")).json()
    empty = (await api.get("/api/context/ag-7?session_id=")).json()
    nothing = (await api.get("/api/context/nobody")).json()

    assert (found["session_id"], empty["session_id"]) == ("older", "older")
    assert nothing == {
        "agent_id": "nobody",
        "context": None,
        "message": "No active session found for this agent",
    }


async def test_work_of_this_session_comes_before_work_elsewhere(api: Api) -> None:
    def work() -> None:
        elsewhere = make_task(request=make_request(session_id="s-2"))
        make_subtask(task=elsewhere, agent_id="ag-7", description="Elsewhere", status="running")
        make_subtask(task=elsewhere, agent_id="ag-8", description="Only there", status="running")
        make_subtask(task=make_wave(), agent_id="ag-7", description="Here", status="pending")

    await in_thread(work)

    mine = (await brief(api, "ag-7"))["brief"]["content"]
    others = (await brief(api, "ag-8"))["brief"]["content"]

    assert "Here" in mine
    assert "Elsewhere" not in mine
    assert "Only there" in others


@pytest.mark.parametrize("max_tokens", [100, 150, 400, 1_000])
async def test_a_brief_keeps_to_its_budget_and_says_so(api: Api, max_tokens: int) -> None:
    def work() -> None:
        for number in range(20):
            make_message(to_agent="ag-7", priority=9, content={"n": number, "text": "x" * 180})
        wave = make_wave()
        for _ in range(20):
            make_subtask(task=wave, agent_id="ag-7", status="running", description="y" * 500)

    await in_thread(work)

    reply = await brief(api, "ag-7", max_tokens=max_tokens, agent_type="tech-lead")

    content = reply["brief"]["content"]
    assert len(content) <= CHARACTERS_PER_TOKEN * max_tokens
    assert reply["brief"]["token_count"] <= max_tokens
    assert reply["brief"]["truncated"] is content.endswith(NOTICE)
    assert len(reply["sources"]) == 42


def test_headings_are_kept_when_lines_no_longer_fit() -> None:
    text = "# Title\n\n" + "line of text\n" * 100 + "## Last\n"

    short, truncated = fit(text, 60)

    assert truncated
    assert len(short) <= 240
    assert short.startswith("# Title")


@pytest.mark.parametrize(
    "hostile",
    [
        "# Forged\n\n## Heading",
        "{% include 'x' %}{{ settings }}",
        "<script>",
        "\x1b[31m\u202e",
        "`",
    ],
)
async def test_what_was_recorded_is_data_and_forges_nothing(api: Api, hostile: str) -> None:
    def work() -> None:
        make_subtask(task=make_wave(), agent_id="ag-7", status="running", description=hostile)

    await in_thread(work)
    honest = (await brief(api, "nobody"))["brief"]["content"]

    content = (await brief(api, "ag-7"))["brief"]["content"]

    assert "# Forged" not in [line.strip() for line in content.splitlines()]
    assert "## Heading" not in [line.strip() for line in content.splitlines()]
    assert "\x1b" not in content
    assert content.splitlines()[0] == honest.splitlines()[0]


async def test_the_number_of_queries_is_fixed(api: Api) -> None:
    def measured() -> list[int]:
        wave = make_wave()
        Request.objects.update(prompt="The login form forgets the password")
        found = []
        for many in (1, 30):
            for number in range(many):
                mine = make_subtask(task=wave, agent_id="ag-7", status="running")
                make_subtask(task=wave, agent_id=f"other-{number}", status="completed")
                make_message(to_agent="ag-7")
                make_action(subtask=mine, session_id="s-1", file_paths=[f"/srv/shop/{number}.py"])
            with CaptureQueriesContext(connection) as queries:
                generate_brief(agent_id="ag-7", session_id="s-1")
            found.append(len(queries))
        return found

    assert await in_thread(measured) == [QUERIES, QUERIES]


@pytest.mark.parametrize(
    "query",
    [
        *("max_tokens=99", "max_tokens=8001", "max_tokens=x", "history_limit=0"),
        *("history_limit=51", "format=xml", "include_history=yes", "include_messages=1"),
        "include_blocking=",
    ],
)
async def test_odd_parameters_are_refused_by_name(api: Api, query: str) -> None:
    reply = await api.get(f"/api/context/ag-7?session_id=s-1&{query}")

    assert (reply.status_code, reply.json()["error"]) == (400, "Invalid query parameters")
    assert list(reply.json()["details"]) == [query.split("=")[0]]


async def test_generating_coerces_and_clamps(api: Api) -> None:
    body = {
        "agent_id": "ag-7",
        "session_id": "s-1",
        "max_tokens": "50",
        "include_history": "false",
        "history_limit": 999,
        "project_id": "11111111-1111-1111-1111-111111111111",
    }

    reply = await api.post("/api/context/generate", json=body)

    assert reply.status_code == 201
    made = reply.json()["brief"]
    assert (made["agent_id"], made["session_id"], made["agent_type"]) == (
        "ag-7",
        "s-1",
        "developer",
    )
    assert made["token_count"] <= 100


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "Missing required field: agent_id"),
        ({"agent_id": ""}, "Missing required field: agent_id"),
        ({"agent_id": "a"}, "Missing required field: session_id"),
        ([], "Missing required field: agent_id"),
        ({"agent_id": "a", "session_id": "s", "max_tokens": []}, "Validation failed"),
        ({"agent_id": "a", "session_id": "s", "project_id": "x"}, "Validation failed"),
    ],
)
async def test_generating_needs_an_agent_and_a_session(api: Api, body: Any, error: str) -> None:
    reply = await api.post("/api/context/generate", json=body)

    assert (reply.status_code, reply.json()["error"]) == (400, error)
