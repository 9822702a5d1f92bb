"""The published Node clients, over HTTP and over the stdio bridge, against a real server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests import npm
from tests.conftest import Server
from tests.mcp import bridge
from tests.mcp.test_toolsets import DEFAULT

HERE = Path(__file__).parent
CLIENTS = [("first", "legacy"), ("second", "legacy"), ("second", "auto")]


@pytest.mark.parametrize("transport", ["http", "stdio"])
@pytest.mark.parametrize(("generation", "mode"), CLIENTS)
async def test_a_run_of_a_published_client(
    server: Server, session: str, generation: str, mode: str, transport: str
) -> None:
    url = f"{server.url}/mcp?agent_id=backend&session_id={session}"
    target = [url] if transport == "http" else bridge.command(url)

    seen = await play(generation, mode, *target)

    assert seen["server"] == "dcm"
    assert "inbox" in seen["instructions"]
    assert seen["tools"] == DEFAULT
    assert seen["resources"][0] == "dcm://agents/backend/brief"
    context = f"dcm://sessions/{session}/context"
    assert seen["updates"] == ([context] if mode == "auto" else [])
    assert (seen["recalled"], seen["context"]) == ("wasm", ["build"])
    assert seen["refused"]["isError"] is True
    assert seen["refused"]["content"][0]["text"] == "Context entry not found"
    assert "message" in seen["invalid"]["content"][0]["text"]
    assert seen["prompts"] == ["hand_over", "after_compaction"]
    assert "compacted" in seen["prompt"]


async def play(generation: str, mode: str, *target: str) -> Any:
    folder = npm.installed(HERE / "clients" / generation / "package.json")
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / "driver.mjs"),
        str(folder),
        generation,
        mode,
        *target,
        env=bridge.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)
