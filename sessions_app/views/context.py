"""Briefs and compaction over HTTP. Contract: rest 5.13, context-briefs 1, 8, 9."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Query, hot_view, json_response
from dcm.lib.errors import DomainError
from dcm.lib.threads import in_thread
from sessions_app.briefs import Brief, generate_brief, wanted_by
from sessions_app.briefs.gather import gather, resolve_session
from sessions_app.briefs.raw import raw
from sessions_app.selectors import compaction_of
from sessions_app.serializers import GenerateInput, RestoreInput
from sessions_app.services.compact import restore_context


class MissingField(DomainError):
    message = "Missing required field"


@hot_view(failure="Failed to get context", method="GET")
async def context(request: HttpRequest, agent_id: str) -> HttpResponse:
    query = Query(request.GET)
    as_raw = query.choice("format", "brief", ["brief", "raw"]) == "raw"
    wanted = {
        "agent_id": agent_id,
        "session_id": query.text("session_id"),
        "agent_type": query.text("agent_type") or request.GET.get("agent_type"),  # "" stays ""
        "max_tokens": query.integer("max_tokens", 2000, least=100, most=8000),
        "include_history": query.flag("include_history", True),
        "include_messages": query.flag("include_messages", True),
        "include_blocking": query.flag("include_blocking", True),
        "history_limit": query.integer("history_limit", 10, least=1, most=50),
    }
    return json_response(await in_thread(_context, wanted, as_raw=as_raw))


def _context(wanted: dict[str, Any], *, as_raw: bool) -> dict[str, Any]:
    agent_id = wanted["agent_id"]
    session_id = wanted["session_id"] or resolve_session(agent_id)
    if session_id is None:
        nothing = "No active session found for this agent"
        return {"agent_id": agent_id, "context": None, "message": nothing}
    wanted["session_id"] = session_id
    if as_raw:
        known = wanted_by(**wanted)
        return _addressed(agent_id, session_id, known.agent_type) | raw(gather(known))
    brief = generate_brief(**wanted)
    shown = {"brief": _text(brief), "sources": brief.sources}
    return _addressed(agent_id, session_id, brief.agent_type) | shown


class Generate(APIView):
    failure = "Failed to generate context"

    def post(self, request: Request) -> Response:
        given = request.data if isinstance(request.data, dict) else {}
        for name in ("agent_id", "session_id"):
            if given.get(name) in (None, ""):
                raise MissingField(f"Missing required field: {name}")
        brief = generate_brief(**GenerateInput.read(given))
        shown = _addressed(brief.agent_id, brief.session_id, brief.agent_type) | _text(brief)
        return Response({"success": True, "brief": shown, "sources": brief.sources}, status=201)


class Restore(APIView):
    failure = "Failed to restore context"

    def post(self, request: Request) -> Response:
        restored = restore_context(**RestoreInput.read(request.data))
        return Response(
            {
                "success": True,
                "brief": restored.content,
                "sources": restored.brief.sources,
                "session_compacted": restored.session_compacted,
                "restored_at": restored.restored_at,
            }
        )


class CompactStatus(APIView):
    failure = "Failed to get compact status"

    def get(self, request: Request, session_id: str) -> Response:
        return Response({"session_id": session_id, **compaction_of(session_id)})


def _addressed(agent_id: str, session_id: str, agent_type: str) -> dict[str, Any]:
    return {"agent_id": agent_id, "session_id": session_id, "agent_type": agent_type}


def _text(brief: Brief) -> dict[str, Any]:
    return {
        "id": brief.id,
        "content": brief.content,
        "token_count": brief.token_count,
        "truncated": brief.truncated,
        "generated_at": brief.generated_at,
    }
