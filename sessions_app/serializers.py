"""What comes in and goes out. Contract: rest 5.9."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from rest_framework import serializers

from dcm.lib.api import Input, Integer, Moment, Output, Text, Uuid
from sessions_app.models import Session


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
    project_id = Uuid()

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
