"""Calling tools with the official client."""

import json
from typing import Any

from mcp import Client
from mcp_types import CallToolResult, TextContent


async def call(client: Client, name: str, /, **arguments: Any) -> Any:
    """What the tool answers: its JSON, or its text when it is none."""
    result = await client.call_tool(name, arguments)
    assert not result.is_error, text_of(result)
    text = text_of(result)
    return json.loads(text) if text.startswith(("{", "[")) else text


async def refusal(client: Client, name: str, /, **arguments: Any) -> str:
    """Why the tool did not do it."""
    result = await client.call_tool(name, arguments)
    assert result.is_error, text_of(result)
    return text_of(result)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text
