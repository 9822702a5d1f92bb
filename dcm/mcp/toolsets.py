"""Which tools an address offers: `?tools=` takes names of toolsets and of tools, with commas.

Every schema stands in the model's context for as long as it works, so the default set is small;
tests/mcp/test_toolsets.py holds it to its size.
"""

from collections.abc import Mapping

from dcm.lib.errors import InvalidQuery
from dcm.mcp.tool import Tool
from dcm.mcp.tools import claims, knowledge, leases, messages, work
from dcm.mcp.tools.coordinator import BRIDGE_TOOLS

DEFAULT: list[Tool] = [
    work.brief,
    messages.inbox,
    messages.send,
    messages.ask,
    messages.answer,
    knowledge.share,
    knowledge.recall,
    knowledge.decide,
    knowledge.search,
    work.report_progress,
]
MORE: list[Tool] = [
    knowledge.decisions,
    work.agents,
    messages.block,
    messages.unblock,
    work.suggest_tools,
]
WORK: list[Tool] = [
    claims.claim_next,
    claims.give_back,
    leases.reserve,
    leases.release,
    leases.leases,
]
COORDINATOR: list[Tool] = list(BRIDGE_TOOLS)

TOOLSETS: Mapping[str, list[Tool]] = {
    "default": DEFAULT,
    "work": WORK,
    "coordinator": COORDINATOR,
    "all": [*DEFAULT, *WORK, *MORE, *COORDINATOR],
}
_BY_NAME = {tool.name: tool for tool in TOOLSETS["all"]}


def tools_named(names: str | None) -> dict[str, Tool]:
    """The tools of these sets and names, in our order. Raises InvalidQuery."""
    chosen: set[str] = set()
    for name in (names or "default").split(","):
        if name not in TOOLSETS and name not in _BY_NAME:
            choices = ", ".join([*TOOLSETS, *_BY_NAME])
            raise InvalidQuery({"tools": [f"Must be of: {choices}"]})
        chosen |= {tool.name for tool in TOOLSETS.get(name, [])} or {name}
    return {name: tool for name, tool in _BY_NAME.items() if name in chosen}
