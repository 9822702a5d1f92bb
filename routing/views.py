import math
import re
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Query, hot_view, json_response
from dcm.lib.errors import DomainError
from routing.selectors import routing_stats, suggester
from routing.serializers import FeedbackInput
from routing.services import give_feedback

DEFAULT_MIN_SCORE = 0.5
_NUMBER = re.compile(
    r"\s*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE
)


class NoKeywords(DomainError):
    message = "Missing required query parameter: keywords"


class NothingToGoBy(DomainError):
    message = "Missing required fields: tool_name and keywords"


@hot_view(failure="Failed to suggest routing", method="GET")
async def suggest(request: HttpRequest) -> HttpResponse:
    query = Query(request.GET)
    given = query.text("keywords")
    if given is None:
        raise NoKeywords
    keywords = [word for part in given.split(",") if (word := part.strip().lower())]
    if not keywords:
        raise NoKeywords("No valid keywords provided")
    wanted = {
        "keywords": keywords,
        "limit": query.limit(10, 50),
        "min_score": _min_score(query.text("min_score")),
        "tool_type": query.text("tool_type"),
        "explain": query.flag("explain", False),
    }
    project_id = query.id("project_id")
    scope, suggestions = await _suggest(wanted, project_id)
    return json_response(
        {
            "keywords": keywords,
            "suggestions": suggestions,
            "count": len(suggestions),
            **({} if project_id is None else {"scope": scope}),
            "compat_output": "\n".join(
                f"{tool['tool_name']}|{tool['tool_type']}|{tool['score']:g}" for tool in suggestions
            ),
        }
    )


async def _suggest(
    wanted: dict[str, Any], project_id: uuid.UUID | None
) -> tuple[str, list[dict[str, Any]]]:
    """Whose scores these are: the project's, or those of all where it has none."""
    if project_id is not None:
        found = await suggester.submit({**wanted, "project_id": project_id})
        if found:
            return "project", found
    return "global", await suggester.submit(wanted)


def _min_score(text: str | None) -> float:
    """The number that this text begins with, or the default. Contract: rest R22."""
    found = _NUMBER.match(text or "")
    score = float(found[0]) if found else math.inf
    return score if math.isfinite(score) else DEFAULT_MIN_SCORE


class Stats(APIView):
    failure = "Failed to get routing stats"

    def get(self, request: Request) -> Response:
        return Response(routing_stats())


class Feedback(APIView):
    failure = "Failed to process feedback"

    def post(self, request: Request) -> Response:
        given = FeedbackInput.tidy(request.data) if isinstance(request.data, dict) else {}
        if not given.get("tool_name") or not given.get("keywords"):
            raise NothingToGoBy
        feedback = FeedbackInput.read(request.data)
        adjustment = give_feedback(**feedback)
        count = len(feedback["keywords"])
        return Response(
            {
                "success": True,
                "message": f"Updated {count} keyword scores for {feedback['tool_name']}",
                "adjustment": adjustment,
            }
        )
