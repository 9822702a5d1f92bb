"""What each procedure does, frame by frame. The same through real clients: test_real_clients.py."""

import asyncio
import json
import re
from typing import Any

import pytest

from tests.trpc.client import AGENT, share
from tests.trpc.conftest import OpenClient

JOIN = {"name": "api-side", "role": "source", "repoPath": "/srv/api"}
UNKNOWN = "00000000-0000-0000-0000-000000000000"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_an_agent_joins_is_listed_and_leaves(trpc: OpenClient, session: str) -> None:
    client = await trpc()

    first = await client.mutate("session.join", JOIN)
    second = await client.mutate("session.join", {**JOIN, "role": "target"})

    agent = first["agent"]
    assert first["sessionId"] == session
    assert {**agent, "id": "", "connectedAt": ""} == {**JOIN, "id": "", "connectedAt": ""}
    assert re.fullmatch(r"[0-9a-f-]{14}4[0-9a-f-]{21}", agent["id"])
    assert TIME.fullmatch(agent["connectedAt"])
    assert await client.query("session.list") == [agent, second["agent"]]
    assert await client.mutate("session.leave", {"agentId": agent["id"]}) == {"success": True}
    assert await client.mutate("session.leave", {"agentId": agent["id"]}) == {"success": False}
    assert await client.query("session.list") == [second["agent"]]


async def test_sharing_makes_then_replaces_an_entry(trpc: OpenClient) -> None:
    client = await trpc()

    made = await client.mutate("context.share", share("flow", "PKCE", tags=["b", "a", "a"]))
    replaced = await client.mutate("context.share", share("flow", ""))

    assert made["tags"] == ["b", "a", "a"]
    assert made["createdAt"] == made["updatedAt"]
    assert (replaced["value"], replaced["tags"]) == ("", [])
    kept = ("id", "key", "createdBy", "createdAt")
    assert [replaced[name] for name in kept] == [made[name] for name in kept]
    assert replaced["updatedAt"] >= made["updatedAt"]
    assert await client.query("context.get", {"key": "flow"}) == replaced


async def test_a_missing_key_is_null(trpc: OpenClient) -> None:
    client = await trpc()

    answer = await client.call("query", "context.get", {"key": "nothing"})

    assert answer["result"] == {"type": "data", "data": None}


async def test_entries_are_listed_by_first_share_and_filtered(trpc: OpenClient) -> None:
    client = await trpc()
    other = AGENT.replace("5", "6")
    await client.mutate("context.share", share("one", "1", tags=["x", "y"]))
    await client.mutate("context.share", {**share("two", "2", tags=["x"]), "agentId": other})
    await client.mutate("context.share", share("one", "3", tags=["x", "y"]))

    async def keys(*given: Any) -> list[str]:
        return [entry["key"] for entry in await client.query("context.list", *given)]

    assert await keys() == ["one", "two"]
    assert await keys({"tags": []}) == ["one", "two"]
    assert await keys({"tags": ["y", "x"]}) == ["one"]
    assert await keys({"tags": ["X"]}) == []
    assert await keys({"createdBy": other, "tags": ["x"]}) == ["two"]
    assert await keys({"prefix": "nothing"}) == ["one", "two"]


async def test_a_question_is_asked_answered_and_answered_again(trpc: OpenClient) -> None:
    client = await trpc()

    asked = await client.mutate("questions.ask", {"question": "Which port?", "agentId": AGENT})
    reply = {"questionId": asked["id"], "answer": "80", "agentId": UNKNOWN}
    await client.mutate("questions.answer", reply)
    answered = await client.mutate("questions.answer", {**reply, "answer": "8443"})

    assert set(asked) == {"id", "question", "from", "status", "createdAt"}
    assert (asked["status"], asked["from"]) == ("pending", AGENT)
    assert {**answered, "answeredAt": ""} == {
        **asked,
        "status": "answered",
        "answer": "8443",
        "answeredBy": UNKNOWN,
        "answeredAt": "",
    }
    assert await client.query("questions.listPending") == []


async def test_pending_questions_are_those_to_the_agent_and_to_nobody(trpc: OpenClient) -> None:
    client = await trpc()
    ask = {"question": "?", "agentId": AGENT}
    everybody = await client.mutate("questions.ask", ask)
    addressed = await client.mutate("questions.ask", {**ask, "to": UNKNOWN})

    assert await client.query("questions.listPending") == [everybody, addressed]
    assert await client.query("questions.listPending", {"agentId": UNKNOWN}) == [
        everybody,
        addressed,
    ]
    assert await client.query("questions.listPending", {"agentId": AGENT}) == [everybody]


async def test_an_unknown_question_is_an_internal_error_in_known_words(trpc: OpenClient) -> None:
    client = await trpc()

    answer = await client.call(
        "mutation", "questions.answer", {"questionId": UNKNOWN, "answer": "a", "agentId": AGENT}
    )

    assert answer["error"] == {
        "message": f"Question not found: {UNKNOWN}",
        "code": -32603,
        "data": {
            "code": "INTERNAL_SERVER_ERROR",
            "httpStatus": 500,
            "path": "questions.answer",
        },
    }


async def test_decisions_are_listed_in_logging_order(trpc: OpenClient) -> None:
    client = await trpc()

    bare = await client.mutate("decisions.log", {"decision": "Drop v1", "agentId": AGENT})
    reasoned = await client.mutate(
        "decisions.log", {"decision": "Use PKCE", "rationale": "", "agentId": AGENT}
    )

    assert set(bare) == {"id", "decision", "by", "createdAt"}
    assert reasoned["rationale"] == ""
    assert await client.query("decisions.list") == [bare, reasoned]


async def test_sessions_do_not_see_each_other(trpc: OpenClient) -> None:
    here, there = await trpc(), await trpc("?session=another")

    await here.mutate("context.share", share("flow", "PKCE"))

    assert await there.query("context.list") == []


async def test_without_a_name_everybody_meets_in_one_session_with_a_fixed_id(
    trpc: OpenClient,
) -> None:
    first, second = await trpc(""), await trpc("some/path?other=1")

    joined = await first.mutate("session.join", JOIN)
    again = await second.mutate("session.join", JOIN)

    assert joined["sessionId"] == again["sessionId"]
    assert re.fullmatch(r"[0-9a-f-]{14}4[0-9a-f-]{21}", joined["sessionId"])
    assert await second.query("session.list") == [joined["agent"], again["agent"]]


async def test_all_broken_rules_are_told_at_once_in_schema_order(trpc: OpenClient) -> None:
    client = await trpc()
    given = {"agentId": f"{{{AGENT}}}", "tags": ["a", 1, None], "key": "", "value": None}

    answer = await client.call("mutation", "context.share", given)

    error = answer["error"]
    assert (error["code"], error["data"]["httpStatus"]) == (-32600, 400)
    issues = json.loads(error["message"])
    assert [issue["path"] for issue in issues] == [
        ["key"],
        ["value"],
        ["tags", 1],
        ["tags", 2],
        ["agentId"],
    ]
    assert issues[0] == {
        "origin": "string",
        "code": "too_small",
        "minimum": 1,
        "inclusive": True,
        "path": ["key"],
        "message": "Too small: expected string to have >=1 characters",
    }
    assert issues[1]["message"] == "Invalid input: expected string, received null"
    assert issues[2]["message"] == "Invalid input: expected string, received number"
    assert (issues[4]["code"], issues[4]["message"]) == ("invalid_format", "Invalid UUID")
    assert error["message"].startswith('[\n  {\n    "origin": "string",\n')


@pytest.mark.parametrize(
    ("given", "received"),
    [(..., "undefined"), (None, "null"), ([], "array"), (True, "boolean"), (1.5, "number")],
)
async def test_an_input_that_is_no_object_is_one_issue(
    trpc: OpenClient, given: Any, received: str
) -> None:
    client = await trpc()

    answer = await client.call("mutation", "session.leave", given)

    assert json.loads(answer["error"]["message"]) == [
        {
            "expected": "object",
            "code": "invalid_type",
            "path": [],
            "message": f"Invalid input: expected object, received {received}",
        }
    ]


@pytest.mark.parametrize(
    ("method", "path", "given", "broken"),
    [
        (
            "mutation",
            "session.join",
            {"name": "", "repoPath": 5},
            [["name"], ["role"], ["repoPath"]],
        ),
        ("mutation", "session.leave", {"agentId": None}, [["agentId"]]),
        ("mutation", "context.share", {**share("k", ""), "tags": None}, [["tags"]]),
        ("query", "context.get", {"key": ""}, [["key"]]),
        ("query", "context.list", None, [[]]),
        ("query", "context.list", {"tags": "a", "createdBy": ""}, [["tags"], ["createdBy"]]),
        ("query", "context.list", {"createdBy": None}, [["createdBy"]]),
        ("mutation", "questions.ask", {"to": None}, [["question"], ["to"], ["agentId"]]),
        ("mutation", "questions.answer", {}, [["questionId"], ["answer"], ["agentId"]]),
        ("query", "questions.listPending", None, [[]]),
        ("query", "questions.listPending", {"agentId": None}, [["agentId"]]),
        (
            "mutation",
            "decisions.log",
            {"rationale": None},
            [["decision"], ["rationale"], ["agentId"]],
        ),
    ],
)
async def test_each_procedure_checks_its_input(
    trpc: OpenClient, method: str, path: str, given: Any, broken: Any
) -> None:
    client = await trpc()

    answer = await client.call(method, path, given)

    assert answer["error"]["data"] == {"code": "BAD_REQUEST", "httpStatus": 400, "path": path}
    assert [issue["path"] for issue in json.loads(answer["error"]["message"])] == broken


@pytest.mark.parametrize("path", ["session.list", "decisions.list"])
async def test_procedures_without_input_ignore_whatever_comes(trpc: OpenClient, path: str) -> None:
    client = await trpc()

    odd: list[Any] = [None, 5, [], {"agentId": 5}]
    for given in odd:
        assert await client.query(path, given) == []


async def test_what_a_caller_may_not_choose_is_ignored(trpc: OpenClient) -> None:
    client = await trpc()
    chosen = {"id": AGENT, "connectedAt": "2031-05-06T07:08:09.123Z", "sessionId": "x"}

    joined = await client.mutate("session.join", {**JOIN, **chosen})

    assert joined["agent"]["id"] != AGENT
    assert joined["agent"]["connectedAt"] != chosen["connectedAt"]
    assert joined["sessionId"] != "x"


@pytest.mark.parametrize("agent_id", [UNKNOWN, UNKNOWN.replace("0", "f"), AGENT.upper()])
async def test_nil_max_and_capitals_are_uuids_and_kept_as_given(
    trpc: OpenClient, agent_id: str
) -> None:
    client = await trpc()

    entry = await client.mutate("context.share", {**share("k", "v"), "agentId": agent_id})

    assert entry["createdBy"] == agent_id


@pytest.mark.parametrize("role", [..., None, "boss", 1, ["source"]])
async def test_a_bad_role_names_the_good_ones(trpc: OpenClient, role: Any) -> None:
    client = await trpc()
    given = {name: value for name, value in {**JOIN, "role": role}.items() if value is not ...}

    answer = await client.call("mutation", "session.join", given)

    assert json.loads(answer["error"]["message"]) == [
        {
            "code": "invalid_value",
            "values": ["source", "target"],
            "path": ["role"],
            "message": 'Invalid option: expected one of "source"|"target"',
        }
    ]


@pytest.mark.parametrize("agent_id", [AGENT + "\n", AGENT.replace("-", ""), f"urn:uuid:{AGENT}"])
async def test_only_the_usual_spelling_is_a_uuid(trpc: OpenClient, agent_id: str) -> None:
    client = await trpc()

    answer = await client.call("mutation", "session.leave", {"agentId": agent_id})

    assert answer["error"]["data"]["code"] == "BAD_REQUEST"


async def test_an_id_in_capitals_is_another_agent(trpc: OpenClient) -> None:
    client = await trpc()
    agent = (await client.mutate("session.join", JOIN))["agent"]

    left = await client.mutate("session.leave", {"agentId": agent["id"].upper()})
    entry = await client.mutate("context.share", {**share("k", "v"), "agentId": AGENT.upper()})

    assert left == {"success": False}
    assert entry["createdBy"] == AGENT.upper()


@pytest.mark.parametrize("text", ["a\0b", "\ud83d", "\ude00\ud83d"])
async def test_text_that_cannot_be_stored_is_a_bad_request(trpc: OpenClient, text: str) -> None:
    client = await trpc()

    shared = await client.call("mutation", "context.share", share(text, text, tags=[text]))
    read = await client.call("query", "context.get", {"key": text})

    issues = json.loads(shared["error"]["message"])
    assert [issue["path"] for issue in issues] == [["key"], ["value"], ["tags", 0]]
    assert read["error"]["data"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("text", ["😀 \u2028\u0001 \\u0000 \u200b", " ", "é" * 2**20])
async def test_all_other_text_comes_back_as_it_was(trpc: OpenClient, text: str) -> None:
    client = await trpc()

    await client.mutate("context.share", share("k", text))

    assert (await client.query("context.get", {"key": "k"}))["value"] == text


async def test_a_text_over_the_limit_is_too_large(trpc: OpenClient) -> None:
    client = await trpc()

    answer = await client.call("mutation", "context.share", share("k", "v" * (2**20 + 1)))

    assert answer["error"]["code"] == -32013
    assert answer["error"]["data"]["code"] == "PAYLOAD_TOO_LARGE"


async def test_a_thousand_tags_are_enough(trpc: OpenClient) -> None:
    client = await trpc()

    answer = await client.call("mutation", "context.share", share("k", "v", tags=[1] * 100_000))

    assert [issue["code"] for issue in json.loads(answer["error"]["message"])] == ["too_big"]


async def test_many_clients_that_share_one_key_leave_one_entry(trpc: OpenClient) -> None:
    clients = [await trpc() for _ in range(10)]

    shared = await asyncio.gather(
        *(client.mutate("context.share", share("k", str(n))) for n, client in enumerate(clients))
    )

    assert len({entry["id"] for entry in shared}) == 1
    assert len(await clients[0].query("context.list")) == 1
