"""Reads for the coordinator that are more than rows of one table."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, IntegerField, Model, QuerySet, Sum, TextField
from django.db.models.functions import Cast, JSONObject, Left, Length

from dcm.lib.errors import DomainError
from dcm.lib.wire import wire_time
from realtime.models import EventHead
from sessions_app.models import ContextEntry, CoordinatedAgent, Decision, Question

M = TypeVar("M", bound=Model)

LARGEST_LIST = 16 * 2**20
"""Bytes. As JSON an octet becomes six characters at worst, and clients read 100 MiB at most."""


class ListTooLarge(DomainError):
    message = f"The list is too large: at most {LARGEST_LIST} bytes of text; filter it"
    status = 413


def list_whole(rows: QuerySet[M], *texts: str) -> list[M]:
    """All the rows. texts: their large columns. Raises ListTooLarge before it reads them."""
    sizes = {f"size_of_{text}": Sum(_octets(text)) for text in texts}
    if sum(size or 0 for size in rows.aggregate(**sizes).values()) > LARGEST_LIST:
        raise ListTooLarge
    return list(rows)


def _octets(column: str) -> Func:
    """Of a text, or of an array as PostgreSQL writes it."""
    text = Cast(column, TextField())
    return Func(text, function="octet_length", output_field=IntegerField())


@dataclass(frozen=True)
class AgentList:
    """The agents of a session, and the last event that made it so."""

    seq: int
    agents: list[dict[str, Any]]


def agents_at_head(session_id: str) -> AgentList:
    """The list and the head of the log as of one moment, so that events after it continue it."""
    agents = CoordinatedAgent.objects.there(session_id).values(
        agent=JSONObject(
            id="id", name="name", role="role", repoPath="repo_path", connectedAt="connected_at"
        )
    )
    head = EventHead.objects.annotate(agents=ArraySubquery(agents)).get()
    for agent in head.agents:
        agent["connectedAt"] = wire_time(datetime.fromisoformat(agent["connectedAt"]))
    return AgentList(head.seq, head.agents)


@dataclass(frozen=True)
class Excerpt:
    """The beginning of a shared value. length: characters of the whole."""

    key: str
    tags: list[str]
    updated_by: str
    updated_at: datetime
    beginning: str
    length: int


def shared_entry(session_id: str, key: str) -> ContextEntry | None:
    return ContextEntry.objects.of(session_id).with_key(key).first()


def shared_excerpts(
    session_id: str, *, prefix: str = "", tags: Collection[str] = (), limit: int, characters: int
) -> list[Excerpt]:
    """The newest changes first. prefix: of the key. tags: the entry must carry all of them."""
    entries = ContextEntry.objects.of(session_id)
    if prefix:
        entries = entries.filter(key__startswith=prefix)
    if tags:
        entries = entries.filter(tags__contains=list(tags))
    rows = entries.order_by("-updated_at", "id").values_list(
        "key", "tags", "updated_by", "updated_at", Left("value", characters), Length("value")
    )
    return [Excerpt(*row) for row in rows[:limit]]


def newest_decisions(session_id: str, limit: int) -> list[Decision]:
    """Newest first."""
    return list(Decision.objects.of(session_id).order_by("-number")[:limit])


def questions_concerning(session_id: str, agent_id: str, limit: int) -> list[Question]:
    """What others ask this agent, and what was answered to its own, newest first."""
    here = Question.objects.of(session_id)
    asked = here.pending().open_to(agent_id).exclude(asked_by=agent_id)
    answered = here.filter(asked_by=agent_id, newest_answer__isnull=False)
    return list((asked | answered).order_by("-number")[:limit])
