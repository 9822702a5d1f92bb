"""The tools of the original bridge: names, arguments, replies. Contract: coordinator 7."""

import json
import uuid

import pytest

from tests.mcp.calls import call, refusal
from tests.mcp.conftest import Connect

JOIN = {"name": "api-side", "role": "source", "repoPath": "/srv/api"}
ARGUMENTS = {
    "coordinator_join": ({"name", "role", "repoPath"}, set()),
    "coordinator_leave": (set(), set()),
    "coordinator_list_agents": (set(), set()),
    "coordinator_share_context": ({"key", "value"}, {"tags"}),
    "coordinator_get_context": ({"key"}, set()),
    "coordinator_list_context": (set(), {"tags", "createdBy"}),
    "coordinator_ask": ({"question"}, {"to"}),
    "coordinator_answer": ({"questionId", "answer"}, set()),
    "coordinator_pending_questions": (set(), {"agentId"}),
    "coordinator_log_decision": ({"decision"}, {"rationale"}),
    "coordinator_list_decisions": (set(), set()),
}
BRIDGE = "&tools=coordinator"


async def test_the_tools_are_those_of_the_bridge(connect: Connect) -> None:
    async with connect(query=BRIDGE) as client:
        tools = (await client.list_tools()).tools

    assert [tool.name for tool in tools] == list(ARGUMENTS)
    for tool in tools:
        required, optional = ARGUMENTS[tool.name]
        assert set(tool.input_schema.get("required", [])) == required
        assert set(tool.input_schema["properties"]) - {"agentId"} == (
            (required | optional) - {"agentId"}
        )


async def test_a_run_of_two_agents(connect: Connect, session: str) -> None:
    async with connect(None, BRIDGE) as client:
        joined = await call(client, "coordinator_join", **JOIN)
        me = {"agentId": joined["agent"]["id"]}
        other = {"agentId": str(uuid.uuid4())}
        shared = await call(client, "coordinator_share_context", key="k", value="v", **me)
        asked = await call(client, "coordinator_ask", question="Port?", **me)
        pending = await call(client, "coordinator_pending_questions", **other)
        question_id = asked["question"]["id"]
        answered = await call(
            client, "coordinator_answer", questionId=question_id, answer="8443", **other
        )
        logged = await call(client, "coordinator_log_decision", decision="Drop v1", **me)

        assert joined == {"success": True, "agent": joined["agent"], "sessionId": session}
        assert (await call(client, "coordinator_list_agents"))["agents"] == [joined["agent"]]
        assert (await call(client, "coordinator_get_context", key="k"))["entry"] == shared["entry"]
        assert (await call(client, "coordinator_get_context", key="none"))["entry"] is None
        assert (await call(client, "coordinator_list_context"))["entries"] == [shared["entry"]]
        assert pending["questions"] == [asked["question"]]
        assert answered["question"]["status"] == "answered"
        assert (await call(client, "coordinator_list_decisions"))["decisions"] == [
            logged["decision"]
        ]
        assert await call(client, "coordinator_leave", **me) == {"success": True}
        assert await call(client, "coordinator_leave", **me) == {"success": False}


async def test_the_address_may_say_who_joined(connect: Connect) -> None:
    agent_id = str(uuid.uuid4())

    async with connect(agent_id, BRIDGE) as client:
        asked = await call(client, "coordinator_ask", question="Port?")

    assert asked["question"]["from"] == agent_id


@pytest.mark.parametrize("agent_id", [None, "backend"])
async def test_who_has_not_joined_is_asked_to(connect: Connect, agent_id: str | None) -> None:
    async with connect(agent_id, BRIDGE) as client:
        told = json.loads(await refusal(client, "coordinator_ask", question="Port?"))

    assert told["success"] is False
    assert "coordinator_join" in told["error"]


async def test_failures_look_as_the_bridge_makes_them(connect: Connect) -> None:
    missing = str(uuid.uuid4())

    async with connect(str(uuid.uuid4()), BRIDGE) as client:
        invalid = await refusal(client, "coordinator_join", name="", role="boss")
        unknown = await refusal(client, "coordinator_answer", questionId=missing, answer="8443")

    assert invalid.startswith("MCP error -32602")
    assert all(name in invalid for name in ("name", "role", "repoPath"))
    assert json.loads(unknown) == {"success": False, "error": f"Question not found: {missing}"}
