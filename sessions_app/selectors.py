"""Reads that are more than rows. Contract: rest 5.9, context-briefs 9."""

from typing import Any

from django.conf import settings
from django.db.models import Avg, Count, F, Max, Min, Q, Sum
from django.db.models.fields.json import KT

from messaging.models import Agent
from projects.models import Project, Request
from sessions_app.models import Compaction, Session

MOST_PROJECTS = 10


def session_overview() -> dict[str, Any]:
    """Counts over all sessions; with none, sums, average and dates are None."""
    figures = Session.objects.aggregate(
        total_sessions=Count("id"),
        active_sessions=Count("id", filter=Q(ended_at__isnull=True)),
        total_tools=Sum("total_tools_used"),
        # Not "total_…": an aggregate may not bear the name of a column it is computed from.
        success=Sum("total_success"),
        errors=Sum("total_errors"),
        average=Avg("total_tools_used"),
        oldest_session=Min("started_at"),
        newest_session=Max("started_at"),
    )
    average = figures.pop("average")
    figures["total_success"] = figures.pop("success")
    figures["total_errors"] = figures.pop("errors")
    figures["avg_tools_per_session"] = None if average is None else round(float(average), 2)
    return figures


def injection_meter(session_id: str) -> dict[str, int]:
    """How much text of messages hooks have put before the session's agents, and may at most."""
    used = Agent.objects.filter(session_id=session_id).aggregate(
        times=Sum("injections", default=0), characters=Sum("injected_characters", default=0)
    )
    return {
        **used,
        "most_times": settings.INJECT_MAX_TIMES,
        "most_characters": settings.INJECT_MAX_CHARACTERS,
    }


def sessions_by_project() -> list[dict[str, Any]]:
    """The ten projects with most sessions; those without a project are one row of nulls."""
    rows = (
        Session.objects.values(project_name=F("project__name"), project_path=F("project__path"))
        .annotate(session_count=Count("id"), total_tools=Sum("total_tools_used"))
        .order_by("-session_count", "project_path")
    )
    return [dict(row) for row in rows[:MOST_PROJECTS]]


def compaction_of(session_id: str) -> dict[str, Any]:
    """Whether the session is known and was compacted, and how it was the last time.

    begun: a compaction was announced and not heard of again.
    """
    requests = Request.objects.filter(session_id=session_id)
    marked = requests.filter(metadata__has_key="compacted_at")
    newest = marked.order_by(KT("metadata__compacted_at").desc()).first()
    rows = list(
        Compaction.objects.filter(session_id=session_id).defer("snapshot").order_by("-number")
    )
    if (
        newest is None
        and not requests.exists()
        and not Session.objects.filter(id=session_id).exists()
    ):
        return {"exists": False, "compacted": False, "is_compacted": False}
    ended = [row for row in rows if row.compacted_at is not None]
    marker = newest.metadata if newest else _marker_of(ended[0]) if ended else {}
    return {
        "exists": True,
        "compacted": bool(marker),
        "is_compacted": bool(marker),
        **{name: marker.get(name) for name in _MARKER},
        "compactions": len(ended),
        "begun": any(row.is_open for row in rows),
        "restored_at": max((row.restored_at for row in rows if row.restored_at), default=None),
    }


_MARKER = ("compacted_at", "compact_summary", "compact_agent")


def _marker_of(row: Compaction) -> dict[str, Any]:
    return {
        "compacted_at": row.compacted_at,
        "compact_summary": row.summary,
        "compact_agent": row.agent_id,
    }


def project_of_session(session_id: str) -> Project | None:
    """Where the session works: as its row says, else as its newest request does."""
    session = Session.objects.select_related("project").filter(id=session_id).first()
    if session is not None and session.project is not None:
        return session.project
    requests = Request.objects.select_related("project").filter(session_id=session_id)
    newest = requests.order_by("-created_at", "id").first()
    return newest.project if newest else None
