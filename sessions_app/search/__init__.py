"""Full-text search over what was asked, done, said, shared and decided."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from dcm.lib import wire
from dcm.lib.keyset import read_cursor, write_cursor
from dcm.lib.text_search import CONFIGURATION
from sessions_app.search.excerpts import Part, excerpts
from sessions_app.search.kinds import KINDS, Kind
from sessions_app.search.terms import Terms, parse_terms

__all__ = ["KINDS", "LONGEST_QUERY", "Found", "Part", "Wanted", "search"]

LONGEST_QUERY = 1_000
"""Characters that a transport lets through."""

MOST_RANKED = 500
MOST_CHECKED = 2_000
"""Of each kind so many rows with the words, the newest, are ranked, or first checked for phrases.

What is older is not found. An index knows no order of words, and making the words of a row anew
takes some 50 µs, so this is what bounds a search.
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to look for, see parse_terms(), and among what.

    agent_id: done, sent, received, shared, asked or decided by this agent. since: inclusive, until:
    not. reader: whose direct messages are found, beside those to all; nobody's by default.
    reads_all: everybody's, for people who may read them anyway.
    """

    text: str
    kinds: Collection[str] = tuple(KINDS)
    project_id: uuid.UUID | None = None
    session_id: str | None = None
    agent_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    reader: str | None = None
    reads_all: bool = False
    limit: int = 20
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """A row that was found. score: comparable within one search only.

    label: a request's, subtask's or question's status, an action's tool, a message's topic, an
    entry's key, an answer's question. at: when it was made, or last shared.
    """

    kind: str
    id: str
    score: float
    at: datetime
    session_id: str | None
    project_id: uuid.UUID | None
    agent_id: str | None
    label: str | None
    excerpt: list[Part]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row stands in the order: best first, then newest."""

    score: float
    at: datetime
    kind: str
    id: str


@transaction.atomic
def search(wanted: Wanted) -> tuple[list[Found], str | None]:
    """One page, best first, and where the next one begins. Four queries, whatever is found.

    Raises InvalidQuery for a cursor that is none.
    """
    began_at, after = _read(wanted.cursor)
    terms = parse_terms(wanted.text)
    if not wanted.limit or not wanted.kinds or not _can_be_found(terms):
        return [], None
    places = _best(wanted, terms, began_at, after)
    found = _shown(places, terms)
    if len(places) < wanted.limit:
        return found, None
    last = places[-1]
    return found, write_cursor([began_at, last.score, last.at, last.kind, last.id])


def _read(cursor: str | None) -> tuple[datetime, _Place | None]:
    """When the first page was read, so that the others rank the same rows; and the last place."""
    if cursor is None:
        return timezone.now(), None
    began_at, score, at, kind, id_ = read_cursor(cursor, _moment, float, _moment, str, str)
    return began_at, _Place(score, at, kind, id_)


def _moment(value: Any) -> datetime:
    moment = wire.parse_time(value)
    if moment is None:
        raise ValueError(value)
    return moment


# The planner takes making the words of a row for much cheaper than it is, and would do so for all
# rows instead of asking the index for a common word. The index's answer has to fit into memory.
_PREPARE = f"""
SELECT querytree(websearch_to_tsquery('{CONFIGURATION}', %s)),
       set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
       set_config('work_mem', '64MB', true)
"""


def _can_be_found(terms: Terms) -> bool:
    """Whether any word has to be there; else all rows but a few would be found."""
    with connection.cursor() as cursor:
        cursor.execute(_PREPARE, [terms.loose])
        tree, *_ = cursor.fetchone()
    return tree not in ("", "T")


# MATERIALIZED: else the newest rows would be tried one after another until enough have the words.
_CANDIDATES = """
(WITH matching AS MATERIALIZED (
   SELECT t.id, {kind.at} AS at FROM {kind.table} t WHERE {conditions}
 ), newest AS MATERIALIZED (
   SELECT id, at FROM matching ORDER BY at DESC LIMIT {most}
 ), checked AS MATERIALIZED (
   SELECT n.id, n.at, {kind.words} AS words FROM newest n JOIN {kind.table} t ON t.id = n.id
 )
 SELECT '{name}' AS kind, id::text, at, ts_rank(words, {query}, 1)::float8 AS score
 FROM checked WHERE words @@ {query})
"""
_BEST = """
SELECT score, at, kind, id FROM ({candidates}) AS found
WHERE %(score)s::float8 IS NULL
   OR (score, at, kind, id) < (%(score)s, %(at)s::timestamptz, %(kind)s, %(id)s)
ORDER BY score DESC, at DESC, kind DESC, id DESC LIMIT %(limit)s
"""


def _best(wanted: Wanted, terms: Terms, began_at: datetime, after: _Place | None) -> list[_Place]:
    kinds = {name: KINDS[name] for name in wanted.kinds}
    candidates = [
        _CANDIDATES.format(
            name=name,
            kind=kind,
            query=_query("query"),
            conditions=" AND ".join(_conditions(wanted, kind)),
            most=MOST_RANKED if terms.query == terms.loose else MOST_CHECKED,
        )
        for name, kind in kinds.items()
    ]
    parameters: dict[str, Any] = {
        "query": terms.query,
        "loose": terms.loose,
        "began_at": began_at,
        "since": wanted.since,
        "until": wanted.until,
        "project_id": wanted.project_id,
        "session_id": wanted.session_id,
        "agent_id": wanted.agent_id,
        "reader": wanted.reader,
        "reads_all": wanted.reads_all,
        "limit": wanted.limit,
        "score": after and after.score,
        "at": after and after.at,
        "kind": after and after.kind,
        "id": after and after.id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEST.format(candidates=" UNION ALL ".join(candidates)), parameters)
        return [_Place(*row) for row in cursor.fetchall()]


def _conditions(wanted: Wanted, kind: Kind) -> list[str]:
    """Only those that were asked for, so that each search is planned for what it is."""
    possible = {
        kind.of_project: wanted.project_id,
        kind.of_session: wanted.session_id,
        kind.of_agent: wanted.agent_id,
        f"{kind.at} >= %(since)s": wanted.since,
        f"{kind.at} < %(until)s": wanted.until,
    }
    asked = [condition for condition, value in possible.items() if value is not None]
    matches = f"{kind.words} @@ {_query('loose')}"
    return [matches, f"{kind.at} <= %(began_at)s", kind.readable, *asked]


def _query(name: str) -> str:
    return f"websearch_to_tsquery('{CONFIGURATION}', %({name})s)"


_ROWS = """
SELECT '{name}', t.id::text, left(t.shown, {kind.most}), {kind.session_id}::text,
       {kind.project_id}::uuid, {kind.agent_id}::text, {kind.label}::text
FROM (SELECT *, {kind.text} AS shown FROM {kind.table} WHERE id = ANY(%s::{kind.id_type}[])) t
{kind.joins}
"""


def _shown(places: Sequence[_Place], terms: Terms) -> list[Found]:
    """The rows in this order; one that was deleted just now is left out."""
    rows = _rows(places)
    there = [place for place in places if (place.kind, place.id) in rows]
    texts = [rows[place.kind, place.id][0] for place in there]
    return [
        _found(place, excerpt, *rows[place.kind, place.id][1:])
        for place, excerpt in zip(there, excerpts(texts, terms.words), strict=True)
    ]


def _rows(places: Sequence[_Place]) -> dict[tuple[str, str], tuple[Any, ...]]:
    ids: dict[str, list[str]] = {}
    for place in places:
        ids.setdefault(place.kind, []).append(place.id)
    if not ids:
        return {}
    statement = " UNION ALL ".join(_ROWS.format(name=name, kind=KINDS[name]) for name in ids)
    with connection.cursor() as cursor:
        cursor.execute(statement, list(ids.values()))
        return {(row[0], row[1]): row[2:] for row in cursor.fetchall()}


def _found(
    place: _Place,
    excerpt: list[Part],
    session_id: str | None,
    project_id: uuid.UUID | None,
    agent_id: str | None,
    label: str | None,
) -> Found:
    return Found(
        kind=place.kind,
        id=place.id,
        score=place.score,
        at=place.at,
        session_id=session_id,
        project_id=project_id,
        agent_id=agent_id,
        label=label,
        excerpt=excerpt,
    )
