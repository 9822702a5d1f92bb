"""Briefs and compaction over HTTP. Contract: rest 5.13, context-briefs 1, 8, 9.

format=json, since=, left_out, position and the history are ours."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import InvalidQuery, Query, page
from dcm.lib.errors import DomainError
from dcm.lib.joined import joined_view
from realtime.selectors import is_event_id
from sessions_app.briefs import Brief, generate_brief, wanted_by
from sessions_app.briefs.gather import gather, resolve_session
from sessions_app.briefs.news import place_in_log
from sessions_app.briefs.raw import raw
from sessions_app.models import Compaction
from sessions_app.selectors import compaction_of
from sessions_app.serializers import NO_POSITION, CompactionOutput, GenerateInput, RestoreInput
from sessions_app.services.compact import restore_context


class MissingField(DomainError):
    message = "Missing required field"


@joined_view(failure="Failed to get context")
def context(query: Query, agent_id: str) -> dict[str, Any]:
    form = query.choice("format", "brief", ["brief", "raw", "json"])
    wanted = {
        "agent_id": agent_id,
        "session_id": query.text("session_id"),
        "agent_type": query.given_text("agent_type"),
        "max_tokens": query.integer("max_tokens", 2000, least=100, most=8000),
        "include_history": query.flag("include_history", True),
        "include_messages": query.flag("include_messages", True),
        "include_blocking": query.flag("include_blocking", True),
        "history_limit": query.integer("history_limit", 10, least=1, most=50),
        "since": _position(query),
    }
    return _context(wanted, form)


def _position(query: Query) -> str | None:
    since = query.text("since")
    if since is not None and not is_event_id(since):
        raise InvalidQuery({"since": [NO_POSITION]})
    return since


def _context(wanted: dict[str, Any], form: str) -> dict[str, Any]:
    agent_id = wanted["agent_id"]
    session_id = wanted["session_id"] or resolve_session(agent_id)
    if session_id is None:
        nothing = "No active session found for this agent"
        return {"agent_id": agent_id, "context": None, "message": nothing}
    wanted["session_id"] = session_id
    if form == "raw":
        known = wanted_by(**wanted)
        place = place_in_log(known.since)
        shown = raw(gather(known, place)) | _read_at(place.position, place.report)
        return _addressed(agent_id, session_id, known.agent_type) | shown
    brief = generate_brief(**wanted)
    told = _text(brief) if form == "brief" else _parts(brief)
    shown = {"brief": told, "sources": brief.sources, **_read_at(brief.position, brief.since)}
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
        read_at = _read_at(brief.position, brief.since)
        made = {"success": True, "brief": shown, "sources": brief.sources, **read_at}
        return Response(made, status=201)


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
                "position": restored.brief.position,
            }
        )


class CompactStatus(APIView):
    failure = "Failed to get compact status"

    def get(self, request: Request, session_id: str) -> Response:
        return Response({"session_id": session_id, **compaction_of(session_id)})


class CompactHistory(APIView):
    failure = "Failed to get compact history"

    def get(self, request: Request, session_id: str) -> Response:
        rows = Compaction.objects.filter(session_id=session_id).order_by("-number")
        found = page(
            rows,
            Query(request.query_params),
            CompactionOutput,
            name="compactions",
            default=20,
            total=True,
        )
        return Response({"session_id": session_id, **found})


def _addressed(agent_id: str, session_id: str, agent_type: str) -> dict[str, Any]:
    return {"agent_id": agent_id, "session_id": session_id, "agent_type": agent_type}


def _read_at(position: str, since: dict[str, Any] | None) -> dict[str, Any]:
    """position: to ask with for what is new from here on."""
    return {"position": position, **({} if since is None else {"since": since})}


def _text(brief: Brief) -> dict[str, Any]:
    return {"content": brief.content, **_facts(brief)}


def _parts(brief: Brief) -> dict[str, Any]:
    """The same items as data."""
    return {"sections": brief.sections, **_facts(brief)}


def _facts(brief: Brief) -> dict[str, Any]:
    return {
        "id": brief.id,
        "token_count": brief.token_count,
        "truncated": brief.truncated,
        "generated_at": brief.generated_at,
        "left_out": brief.left_out,
    }
