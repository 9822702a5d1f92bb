"""What comes in and goes out. Contract: rest 5.9, context-briefs 1.2, 8."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from rest_framework import serializers

from dcm.lib.api import Boolean, Input, Integer, JsonObject, Moment, Output, Text, Uuid
from realtime.selectors import is_event_id
from sessions_app.models import Compaction, Session


class SessionInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"session_id": "id"}
    id = Text()
    project_id = Uuid(required=False)
    started_at = Moment(required=False)
    ended_at = Moment(required=False)
    total_tools_used = Integer(required=False, least=0)
    total_success = Integer(required=False, least=0)
    total_errors = Integer(required=False, least=0)


class AnyMoment(Moment):
    """A timestamp, a date, or milliseconds since 1970. Contract: rest R26."""

    def to_internal_value(self, data: Any) -> datetime:
        try:
            if isinstance(data, int | float) and not isinstance(data, bool):
                return datetime.fromtimestamp(data / 1000, UTC)
            if isinstance(data, str) and len(data) == len("2026-03-04"):
                return datetime.fromisoformat(data).replace(tzinfo=UTC)
        except (ValueError, OverflowError, OSError):
            raise serializers.ValidationError("Expected a moment") from None
        return super().to_internal_value(data)


class Counter(Integer):
    """An integer, or text that looks like one. Contract: rest R26."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and data.isascii() and data.isdigit() and len(data) <= 10:
            data = int(data)
        return super().to_internal_value(data)


class SessionUpdate(Input):
    ended_at = AnyMoment(required=False)
    total_tools_used = Counter(required=False, least=0)
    total_success = Counter(required=False, least=0)
    total_errors = Counter(required=False, least=0)


class SessionOutput(Output[Session]):
    project_id = Uuid(allow_null=True)

    class Meta:
        model = Session
        fields = [
            "id",
            "project_id",
            "started_at",
            "ended_at",
            "total_tools_used",
            "total_success",
            "total_errors",
        ]


class Clamped(Counter):
    """The same, moved into its range. Contract: context-briefs C01."""

    def __init__(self, *, floor: int, ceiling: int, **options: Any) -> None:
        super().__init__(**options)
        self.floor = floor
        self.ceiling = ceiling

    def to_internal_value(self, data: Any) -> int:
        return min(max(super().to_internal_value(data), self.floor), self.ceiling)


class Flag(Boolean):
    """A boolean, or the text of one. Contract: context-briefs C01."""

    def to_internal_value(self, data: Any) -> bool:
        if data in ("true", "false"):
            return bool(data == "true")
        return super().to_internal_value(data)


class Position(Text):
    """The `position` of an earlier reply."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not is_event_id(text):
            raise serializers.ValidationError(NO_POSITION)
        return str(text)


NO_POSITION = "Expected the position of an earlier reply"


class GenerateInput(Input):
    agent_id = Text()
    session_id = Text()
    agent_type = Text(required=False, allow_blank=True)
    max_tokens = Clamped(required=False, floor=100, ceiling=8000)
    include_history = Flag(required=False)
    history_limit = Clamped(required=False, floor=1, ceiling=50)
    include_messages = Flag(required=False)
    include_blocking = Flag(required=False)
    project_id = Uuid(required=False)
    since = Position(required=False)


class RestoreInput(Input):
    session_id = Text()
    agent_id = Text()
    agent_type = Text(required=False, allow_blank=True)
    compact_summary = Text(required=False, allow_blank=True)
    max_tokens = Integer(required=False, least=100, most=8000)


class CompactionOutput(Output[Compaction]):
    snapshot = JsonObject()

    class Meta:
        model = Compaction
        fields = [
            "number",
            "agent_id",
            "trigger",
            "summary",
            "position",
            "begun_at",
            "compacted_at",
            "restored_at",
            "restores",
            "snapshot",
        ]
