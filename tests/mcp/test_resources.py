"""Resources, their updates, and prompts."""

import asyncio
import json
from urllib.parse import quote

import pytest
from mcp import Client, MCPError
from mcp.client.subscriptions import ResourceUpdated, Subscription
from mcp_types import TextContent, TextResourceContents

from tests.conftest import Api
from tests.mcp.calls import call
from tests.mcp.conftest import Connect

BOTH_ERAS = pytest.mark.parametrize("era", ["2026", "2025"], indirect=True)
NEWER_ERA = pytest.mark.parametrize("era", ["2026"], indirect=True)


async def read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri, cache_mode="bypass")).contents
    assert isinstance(content, TextResourceContents)
    return content.text


async def next_update(subscription: Subscription) -> str:
    async with asyncio.timeout(5):
        event = await anext(subscription)
    assert isinstance(event, ResourceUpdated)
    return event.uri


@BOTH_ERAS
async def test_the_resources_of_the_caller_are_listed_and_all_others_described(
    connect: Connect, session: str
) -> None:
    async with connect("a/b c") as client:
        listed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates

    assert [resource.uri for resource in listed] == [
        "dcm://agents/a%2Fb%20c/brief",
        "dcm://agents/a%2Fb%20c/inbox",
        f"dcm://sessions/{session}/context",
        f"dcm://sessions/{session}/decisions",
    ]
    assert [template.uri_template for template in templates] == [
        "dcm://agents/{agent_id}/brief",
        "dcm://agents/{agent_id}/inbox",
        "dcm://sessions/{session_id}/context",
        "dcm://sessions/{session_id}/decisions",
    ]


@BOTH_ERAS
async def test_each_resource_holds_what_its_name_says(connect: Connect, session: str) -> None:
    async with connect("ä/1") as client:
        await call(client, "share", key="build", value="wasm")
        await call(client, "decide", decision="Drop v1")
        await call(client, "send", agent_id="lead", message="Begin", to="ä/1")

        agent = quote("ä/1", safe="")
        brief = await read(client, f"dcm://agents/{agent}/brief")
        inbox = json.loads(await read(client, f"dcm://agents/{agent}/inbox"))
        again = json.loads(await read(client, f"dcm://agents/{agent}/inbox"))
        context = json.loads(await read(client, f"dcm://sessions/{session}/context"))
        decisions = json.loads(await read(client, f"dcm://sessions/{session}/decisions"))

    assert "Drop v1" in brief
    assert [message["content"]["message"] for message in inbox["messages"]] == ["Begin"]
    assert again == inbox
    assert [(entry["key"], entry["value"]) for entry in context["entries"]] == [("build", "wasm")]
    assert [one["decision"] for one in decisions["decisions"]] == ["Drop v1"]


@BOTH_ERAS
@pytest.mark.parametrize(
    "uri",
    [
        "dcm://agents/x/passwords",
        "dcm://sessions/x/brief",
        "dcm://agents//brief",
        "dcm://agents/%00/brief",
        "dcm://agents/%ff/inbox",
        "file:///etc/passwd",
    ],
)
async def test_no_other_address_is_one(connect: Connect, uri: str) -> None:
    async with connect() as client:
        with pytest.raises(MCPError, match="No such resource"):
            await read(client, uri)


@NEWER_ERA
async def test_a_listener_hears_which_resource_changed(
    connect: Connect, session: str, api: Api
) -> None:
    inbox, other = "dcm://agents/backend/inbox", "dcm://agents/web/inbox"
    context, decisions = (f"dcm://sessions/{session}/{name}" for name in ("context", "decisions"))
    message = {"from_agent": "lead", "topic": "task.created", "content": "x"}

    async with (
        connect() as client,
        client.listen(resource_subscriptions=[inbox, other, context, decisions]) as updates,
    ):
        await api.post("/api/messages", json={**message, "to_agent": "backend"})
        assert await next_update(updates) == inbox
        await call(client, "share", key="build", value="wasm")
        assert await next_update(updates) == context
        await call(client, "decide", decision="Drop v1")
        assert await next_update(updates) == decisions
        await api.post("/api/messages", json=message)
        assert {await next_update(updates), await next_update(updates)} == {inbox, other}
        await call(client, "inbox")
        assert await next_update(updates) == inbox


@NEWER_ERA
async def test_a_listener_of_a_brief_hears_of_what_concerns_its_agent(
    connect: Connect, api: Api
) -> None:
    brief = "dcm://agents/backend/brief"

    async with (
        connect() as client,
        client.listen(resource_subscriptions=[brief]) as updates,
    ):
        await call(client, "ask", agent_id="web", question="Port?")
        assert await next_update(updates) == brief
        blocking = {"blocked_by": "lead", "blocked_agent": "backend"}
        await api.post("/api/blocking", json={**blocking, "blocked_agent": "web"})
        await api.post("/api/blocking", json=blocking)
        assert await next_update(updates) == brief
        await call(client, "share", key="build", value="wasm")
        await call(client, "decide", decision="Drop v1")
        assert await next_update(updates) == brief
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(updates)


@NEWER_ERA
async def test_what_is_no_resource_cannot_be_listened_to(connect: Connect) -> None:
    async with connect() as client:
        with pytest.raises(MCPError, match="No such resource"):
            async with client.listen(resource_subscriptions=["dcm://agents/x/passwords"]):
                pass
        with pytest.raises(MCPError, match="At most 100"):
            async with client.listen(
                resource_subscriptions=[f"dcm://agents/{n}/inbox" for n in range(101)]
            ):
                pass


@BOTH_ERAS
async def test_prompts_put_the_brief_into_words(connect: Connect) -> None:
    async with connect("backend") as client:
        await call(client, "decide", decision="Drop v1")
        names = [prompt.name for prompt in (await client.list_prompts()).prompts]
        hand_over = await client.get_prompt("hand_over", {"to": "web"})
        after = await client.get_prompt("after_compaction", {})
        with pytest.raises(MCPError, match="No such prompt"):
            await client.get_prompt("sing")

    assert names == ["hand_over", "after_compaction"]
    for prompt, words in ((hand_over, "handover/backend"), (after, "compacted")):
        content = prompt.messages[0].content
        assert isinstance(content, TextContent)
        assert words in content.text
        assert "Drop v1" in content.text
    assert isinstance(hand_over.messages[0].content, TextContent)
    assert "to web" in hand_over.messages[0].content.text


@BOTH_ERAS
async def test_a_prompt_for_nobody_is_refused(connect: Connect) -> None:
    async with connect(None) as client:
        with pytest.raises(MCPError, match="agent_id"):
            await client.get_prompt("hand_over")
        with pytest.raises(MCPError, match="U\\+0000"):
            await client.get_prompt("hand_over", {"agent_id": "a\0"})
