"""What an agent should know now, as text fitted to its kind. Contract: context-briefs."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from sessions_app.briefs.agent_types import infer_type
from sessions_app.briefs.budget import estimate_tokens, fit
from sessions_app.briefs.gather import Wanted, gather
from sessions_app.briefs.render import render

__all__ = ["Brief", "generate_brief", "wanted_by"]


@dataclass(frozen=True, kw_only=True)
class Brief:
    """content: Markdown. token_count: an estimate, at most what was asked for.

    sources: [{"type", "id", "relevance", "summary"}], also of what had to be left out.
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
    material = gather(wanted)
    content, truncated = fit(render(wanted, material, now), wanted.max_tokens)
    return Brief(
        id=uuid.uuid4(),
        agent_id=agent_id,
        agent_type=wanted.agent_type,
        session_id=session_id,
        content=content,
        token_count=estimate_tokens(content),
        truncated=truncated,
        generated_at=now,
        sources=material.sources(session_id),
    )
