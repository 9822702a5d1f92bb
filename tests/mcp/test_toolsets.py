"""Which tools an address offers, and what they cost a model that never calls them."""

import re
from pathlib import Path

import pytest

from dcm.mcp.tool import listing
from dcm.mcp.toolsets import TOOLSETS, tools_named
from sessions_app.search import KINDS
from tests.conftest import Api
from tests.mcp.conftest import Connect

GUIDE = Path(__file__).parents[2] / "docs" / "mcp.md"

CHARACTERS_PER_TOKEN = 3
"""JSON is dense: tokenizers make 3 to 4 characters of it a token, so this errs on our cost."""

MOST_TOKENS = 2_000
DEFAULT = [
    "brief",
    "inbox",
    "send",
    "ask",
    "answer",
    "share",
    "recall",
    "decide",
    "search",
    "report_progress",
]


def test_the_default_tools_are_few_and_small() -> None:
    tools = list(tools_named(None).values())

    assert [tool.name for tool in tools] == DEFAULT
    assert len(tools) <= 10
    assert len(listing(tools)) / CHARACTERS_PER_TOKEN < MOST_TOKENS


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", DEFAULT),
        ("&tools=default", DEFAULT),
        ("&tools=inbox,brief", ["brief", "inbox"]),
        ("&tools=ask,coordinator_ask", ["ask", "coordinator_ask"]),
    ],
)
async def test_the_address_chooses(connect: Connect, query: str, names: list[str]) -> None:
    async with connect(query=query) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == names


async def test_every_tool_says_what_it_does_and_takes(connect: Connect) -> None:
    async with connect(query="&tools=all") as client:
        tools = (await client.list_tools()).tools

    assert len(tools) == len({tool.name for tool in tools}) > 20
    for tool in tools:
        assert tool.description
        assert tool.description.endswith(".")
        assert tool.input_schema["type"] == "object"
        for name, field in tool.input_schema["properties"].items():
            assert field["type"] in ("string", "integer", "boolean", "array"), (tool.name, name)


def test_a_search_can_be_for_every_kind_that_there_is() -> None:
    (search,) = tools_named("search").values()

    assert set(search.schema["properties"]["kinds"]["items"]["enum"]) == KINDS.keys()


async def test_a_tool_that_the_address_leaves_out_cannot_be_called(connect: Connect) -> None:
    async with connect(query="&tools=inbox") as client:
        result = await client.call_tool("send", {"message": "Hi"})

    assert result.is_error


async def test_an_unknown_toolset_is_refused_by_name(api: Api) -> None:
    reply = await api.post("/mcp?tools=everything", json={})

    assert reply.status_code == 400
    assert "coordinator" in reply.json()["details"]["tools"][0]


def test_the_guide_names_the_tools_of_each_set() -> None:
    rows = re.findall(
        r"^\| `(default|work|coordinator|all)` \| (.*) \|$", GUIDE.read_text(), re.MULTILINE
    )
    named = {toolset: set(re.findall(r"`(\w+)`", cells)) for toolset, cells in rows}
    named["all"] |= named["default"] | named["work"] | named["coordinator"]

    assert named == {toolset: {one.name for one in tools} for toolset, tools in TOOLSETS.items()}
