from collections.abc import Mapping
from typing import Any, ClassVar

from dcm.lib.api import Boolean, Input, ListOf, Text, Uuid


class FeedbackInput(Input):
    """chosen: absent counts as a rejection. keywords: also one text, separated by commas."""

    aliases: ClassVar[Mapping[str, str]] = {"selected_tool": "tool_name", "was_helpful": "chosen"}
    tool_name = Text()
    keywords = ListOf(child=Text(allow_blank=True), allow_empty=False)
    chosen = Boolean(required=False, default=False)
    project_id = Uuid(required=False)

    @classmethod
    def tidy(cls, data: dict[str, Any]) -> dict[str, Any]:
        tidied = super().tidy(data)
        if isinstance(given := tidied.get("keywords"), str):
            tidied["keywords"] = [word.strip() for word in given.split(",") if word.strip()]
        return tidied
