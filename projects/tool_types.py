"""What kind of tool a host's tool call used, and what asked for it. Contract: hooks 2.3, 3, 4."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from projects.models import Action, Request

ToolType = Action.ToolType
PromptType = Request.PromptType

AGENT_TOOLS = frozenset({"Agent", "Task"})
"""Tools that start a subagent; hosts renamed the second to the first."""

_TASK_TOOLS = frozenset(
    {"TaskCreate", "TaskUpdate", "TaskGet", "TaskList", "TaskOutput", "TaskStop"}
)
_AGENT_ENDINGS = ("-specialist", "-expert", "-dev", "-admin")


class Tool(NamedTuple):
    name: str
    type: str


def classify(tool_name: str, tool_input: Mapping[str, Any]) -> Tool:
    """The name to record and its type; a subagent or skill goes by its own name."""
    if tool_name in AGENT_TOOLS:
        return Tool(_named(tool_input, "subagent_type") or tool_name, ToolType.AGENT)
    if tool_name == "Skill":
        return Tool(_named(tool_input, "skill") or tool_name, ToolType.SKILL)
    return Tool(tool_name, _type_by_name(tool_name))


def _type_by_name(tool_name: str) -> ToolType:
    if tool_name.startswith("mcp__"):
        return ToolType.MCP
    if tool_name.startswith("/"):
        return ToolType.COMMAND
    if tool_name in _TASK_TOOLS or tool_name.endswith(_AGENT_ENDINGS):
        return ToolType.AGENT
    return ToolType.BUILTIN


def _named(tool_input: Mapping[str, Any], key: str) -> str | None:
    name = tool_input.get(key)
    return name if isinstance(name, str) and name else None


_PROMPT_WORDS = [
    (PromptType.DEBUG, r"fix(?:es|ed|ing)?|bugs?|errors?"),
    (PromptType.FEATURE, r"add(?:s|ed|ing)?|creat(?:e|es|ed|ing)|implement(?:s|ed|ing)?"),
    (PromptType.REFACTOR, r"refactor(?:s|ed|ing)?|clean(?:s|ed|ing|up)?"),
    (PromptType.EXPLAIN, r"explain(?:s|ed|ing)?|what|how"),
    (PromptType.SEARCH, r"search(?:es|ed|ing)?|find(?:s|ing)?"),
]
_PROMPT_TYPES = [
    (kind, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for kind, words in _PROMPT_WORDS
]
_TELLING_CHARACTERS = 2_000


def guess_prompt_type(prompt: str) -> str:
    """The first kind of which a word stands near the beginning; `other` when there is none."""
    beginning = prompt[:_TELLING_CHARACTERS]
    for kind, words in _PROMPT_TYPES:
        if words.search(beginning):
            return kind
    return PromptType.OTHER
