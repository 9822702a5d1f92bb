"""What an agent should know now, as text fitted to its kind. Contract: context-briefs."""

import dataclasses
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from sessions_app.briefs.agent_types import infer_type
from sessions_app.briefs.budget import Document, fitted, read
from sessions_app.briefs.gather import gather
from sessions_app.briefs.material import Material, Wanted
from sessions_app.briefs.news import Place, place_in_log
from sessions_app.briefs.recall import recall
from sessions_app.briefs.render import render

__all__ = ["Brief", "generate_brief", "wanted_by"]


@dataclass(frozen=True, kw_only=True)
class Brief:
    """content: Markdown. token_count: at most what was asked for.

    sources: [{"type", "id", "relevance", "summary"}], also of what had to be left out. left_out:
    how many items of which section. position: where the event log stood. since: whether what is
    new could be told, when that was asked.
    """

    id: uuid.UUID
    agent_id: str
    agent_type: str
    session_id: str
    content: str
    token_count: int
    truncated: bool
    generated_at: datetime
    sources: list[dict[str, Any]]
    left_out: dict[str, int]
    sections: list[dict[str, Any]] = field(repr=False)
    position: str
    since: dict[str, Any] | None


def wanted_by(
    *, agent_id: str, session_id: str, agent_type: str | None = None, **options: Any
) -> Wanted:
    """What this agent wants to know; its type is inferred from its id when none is given."""
    kind = infer_type(agent_id) if agent_type is None else agent_type
    return Wanted(agent_id=agent_id, agent_type=kind, session_id=session_id, **options)


def generate_brief(
    *, agent_id: str, session_id: str, agent_type: str | None = None, **options: Any
) -> Brief:
    """The brief of this agent in this session; both may be unknown. options: see Wanted."""
    now = timezone.now()
    wanted = wanted_by(agent_id=agent_id, session_id=session_id, agent_type=agent_type, **options)
    place = place_in_log(wanted.since)
    material = gather(wanted, place)
    if material.news is None:
        material = dataclasses.replace(material, recalled=recall(material))
    return _brief(wanted, material, place, now)


def _brief(wanted: Wanted, material: Material, place: Place, now: datetime) -> Brief:
    document = fitted(read(render(wanted, material, now)), wanted.max_tokens)
    return Brief(
        id=uuid.uuid4(),
        agent_id=wanted.agent_id,
        agent_type=wanted.agent_type,
        session_id=wanted.session_id,
        content=document.text,
        token_count=document.tokens,
        truncated=bool(document.left_out),
        generated_at=now,
        sources=material.sources(wanted.session_id),
        left_out=document.left_out,
        sections=_sections(document),
        position=place.position,
        since=place.report,
    )


def _sections(document: Document) -> list[dict[str, Any]]:
    return [
        {
            "heading": section.heading.lstrip("# "),
            "items": [{"text": line.text, "relevance": line.relevance} for line in section.lines],
        }
        for section in document.sections
    ]
