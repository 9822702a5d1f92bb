from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import InvalidQuery, Query
from dcm.lib.errors import DomainError
from sessions_app.search import KINDS, LONGEST_QUERY, Found, Wanted, search

MOST_FOUND = 100


class NothingToFind(DomainError):
    message = "Missing required query parameter: q"


class Search(APIView):
    failure = "Failed to search"

    def get(self, request: Request) -> Response:
        query = Query(request.query_params)
        agent_id = query.text("agent_id")
        wanted = Wanted(
            text=_text(query),
            kinds=_kinds(query),
            project_id=query.id("project_id"),
            session_id=query.text("session_id"),
            agent_id=agent_id,
            since=query.moment("since"),
            until=query.moment("until"),
            reader=query.text("reader") or agent_id,
            limit=query.integer("limit", 20, least=1, most=MOST_FOUND),
            cursor=query.text("cursor"),
        )
        found, next_cursor = search(wanted)
        results = [present_found(each) for each in found]
        return Response({"results": results, "count": len(found), "next_cursor": next_cursor})


def _text(query: Query) -> str:
    text = query.text("q")
    if text is None:
        raise NothingToFind
    if len(text) > LONGEST_QUERY:
        raise InvalidQuery({"q": [f"Must have at most {LONGEST_QUERY} characters"]})
    return text


def _kinds(query: Query) -> list[str]:
    given = query.text("kinds")
    kinds = list(KINDS) if given is None else sorted({each.strip() for each in given.split(",")})
    if not set(kinds) <= KINDS.keys():
        raise InvalidQuery({"kinds": [f"Must be some of: {', '.join(KINDS)}"]})
    return kinds


def present_found(found: Found) -> dict[str, Any]:
    """The reply's form of it. excerpt: text as it was stored, so readers escape it themselves."""
    return {
        "kind": found.kind,
        "id": found.id,
        "score": found.score,
        "at": found.at,
        "session_id": found.session_id,
        "project_id": found.project_id,
        "agent_id": found.agent_id,
        "label": found.label,
        "excerpt": [{"text": part.text, "is_match": part.is_match} for part in found.excerpt],
    }
