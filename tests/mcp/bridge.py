"""The stdio bridge as a host starts it."""

import os
import sys
from pathlib import Path

from mcp import StdioServerParameters

SOURCE = Path(__file__).parents[2] / "client" / "src"
_RUN = (
    "import sys; from dcm_client.mcp_stdio import run;"
    " sys.exit(run(*[argument or None for argument in sys.argv[1:]]))"
)


def command(url: str, tools: str = "", key: str = "") -> list[str]:
    return [sys.executable, "-c", _RUN, url, tools, key]


def environment() -> dict[str, str]:
    """The client of this working copy, whichever is installed."""
    return {**os.environ, "PYTHONPATH": str(SOURCE)}


def parameters(url: str, tools: str = "", key: str = "") -> StdioServerParameters:
    program, *arguments = command(url, tools, key)
    return StdioServerParameters(command=program, args=arguments, env=environment())
