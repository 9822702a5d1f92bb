"""What the agents of one session tell each other: join, share, ask, answer, decide.

Whoever calls, by tRPC or by REST, names the session and the agent it acts as. The agent need not be
known: clients keep their id over restarts. Contract: coordinator 5 and 6, limits 10.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from django.db import connection, transaction

from dcm.lib.errors import DomainError, NotFound
from dcm.lib.postgresql.base import Queued
from dcm.lib.rows import columns, insert, row
from dcm.lib.statements import ask, fetch
from realtime.channel_names import agent_channel, session_channel
from realtime.events import (
    AgentJoined,
    AgentLeft,
    ContextChanged,
    ContextDeleted,
    DecisionLogged,
    Event,
    QuestionAnswered,
    QuestionAsked,
)
from realtime.publish import publish_all
from sessions_app.coordinator_objects import (
    agent_object,
    decision_object,
    entry_object,
    question_object,
)
from sessions_app.models import (
    Answer,
    ContextEntry,
    CoordinatedAgent,
    Decision,
    Question,
)

DEFAULT_SESSION = "7e1c6d3a-52f0-4b8e-9d14-a3c85b60f2e7"
"""Where clients meet that name no session: one id for good, so that it outlives restarts."""

GRACE = timedelta(minutes=10)
"""An agent that nobody named and no open socket held for this long is taken to be gone."""

LONGEST_TEXT = 2**20
LONGEST_LABEL = 8_192  # name and path of an agent: each change tells the whole list
LONGEST_SESSION_ID = 512
MOST_TAGS = 1_000
MOST_AGENTS = 1_000
MOST_KEYS = 10_000
MOST_PENDING_QUESTIONS = 10_000
MOST_DECISIONS = 100_000

Departure = CoordinatedAgent.Departure


class TooLarge(DomainError):
    """Text: `A text is too large: at most 1048576 characters`."""

    message = "A text is too large"
    status = 413


class TooManyTags(DomainError):
    message = f"Too many tags: at most {MOST_TAGS}"
    status = 413


class SessionIdTooLong(DomainError):
    message = f"The session id is too long: at most {LONGEST_SESSION_ID} characters"


class SessionFull(DomainError):
    """Text: what there is too much of."""

    message = "This session is full"
    status = 429


class AgentOfAnother(DomainError):
    message = "This agent belongs to another token"
    status = 403


class EntryNotFound(NotFound):
    message = "Context entry not found"


class VersionMismatch(DomainError):
    message = "The entry has changed meanwhile"
    status = 412


class QuestionNotFound(NotFound):
    """Text: `Question not found: <id>`, which clients show. Contract: coordinator 5.3."""

    message = "Question not found"


# --- agents -----------------------------------------------------------------------------------


@transaction.atomic
def join_session(
    *, session_id: str, name: str, role: str, repo_path: str, owner: str | None = None
) -> CoordinatedAgent:
    """A new agent at the end of the session's list. Joining twice makes two.

    owner: agent_id of the caller's token; nobody with another token may act as this agent then.
    Publishes agent.joined. Raises TooLarge, SessionIdTooLong, SessionFull.
    """
    _refuse_large(name, repo_path, longest=LONGEST_LABEL)
    turn = _take_turn(session_id)
    there = CoordinatedAgent.objects.there(session_id).count()
    _refuse_full(there, MOST_AGENTS, "agents")
    agent = CoordinatedAgent(
        id=str(uuid.uuid4()),
        coordination_id=turn.place.coordination_id,
        number=turn.place.number,
        name=name,
        role=role,
        repo_path=repo_path,
        owner=owner,
        connected_at=turn.place.at,
        last_seen_at=turn.place.at,
    )
    insert(agent)
    turn.publish(_joined(session_id, agent))
    return agent


@transaction.atomic
def leave_session(*, session_id: str, agent_id: str) -> bool:
    """Take an agent off the list, whoever asks; whether it was known and had not left before.

    Publishes agent.left, unless the agent was gone already.
    """
    known = CoordinatedAgent.objects.filter(coordination__session_id=session_id, id=agent_id)
    known = known.exclude(departure=Departure.LEFT)
    if not known.exists():
        return False
    turn = _take_turn(session_id)
    agent = known.first()
    if agent is None:
        return False
    was_there = agent.departure is None
    agent.departure = Departure.LEFT
    agent.save(update_fields=["departure"])
    if was_there:
        turn.publish(_left(session_id, agent))
    return True


def leave_absent_agents() -> int:
    """Take the agents off their lists that nothing was heard of for GRACE; how many.

    Publishes agent.left for each. One that is named again later comes back by itself.
    """
    absent = CoordinatedAgent.objects.silent_for(GRACE)
    sessions = absent.values_list("coordination__session_id", flat=True)
    return sum(_leave_absent(session_id) for session_id in sorted(set(sessions)))


@transaction.atomic
def _leave_absent(session_id: str) -> int:
    turn = _take_turn(session_id)
    silent = CoordinatedAgent.objects.silent_for(GRACE)
    agents = list(
        silent.filter(coordination=turn.place.coordination_id)
        .select_for_update(no_key=True)
        .order_by("number")
    )
    for agent in agents:
        agent.departure = Departure.ABSENT
    CoordinatedAgent.objects.bulk_update(agents, ["departure"])
    to = [session_channel(session_id)]
    publish_all([(_left(session_id, agent), to) for agent in agents])
    return len(agents)


_RENEW = """
WITH heard AS (
  SELECT id FROM sessions_app_coordinatedagent WHERE id = ANY(%s) AND departure IS NULL
  -- One that is locked is being renewed by somebody else.
  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE sessions_app_coordinatedagent AS agent SET last_seen_at = now() FROM heard
WHERE agent.id = heard.id
"""


def renew_agents(agent_ids: Collection[str]) -> None:
    """These agents are there now."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [list(agent_ids)])


def refuse_agent_of_another(*, agent_id: str, owner: str) -> None:
    """Raise AgentOfAnother if this agent joined with a token of somebody else than `owner`."""
    owned = CoordinatedAgent.objects.filter(id=agent_id, owner__isnull=False)
    if owned.exclude(owner=owner).exists():
        raise AgentOfAnother


# --- context ----------------------------------------------------------------------------------

_SHARE = f"""
INSERT INTO sessions_app_contextentry AS known
  (id, coordination_id, number, key, key_hash, value, tags, created_by, updated_by, version,
   created_at, updated_at)
SELECT %(id)s, turn.id, turn.last_number, %(key)s, %(key_hash)s, %(value)s, %(tags)s::text[],
       %(agent_id)s, %(agent_id)s, turn.last_number, now.at, now.at
FROM sessions_app_coordination turn, (SELECT clock_timestamp() AS at) now
WHERE turn.session_id = %(session_id)s
ON CONFLICT (coordination_id, key_hash) DO UPDATE SET
  value = EXCLUDED.value, tags = EXCLUDED.tags, updated_by = EXCLUDED.updated_by,
  version = EXCLUDED.version, updated_at = EXCLUDED.updated_at
RETURNING {columns(ContextEntry, "known")}
"""  # noqa: S608  names of ours


@transaction.atomic
def share_context(
    *,
    session_id: str,
    key: str,
    value: str,
    agent_id: str,
    tags: Sequence[str] = (),
    expected_version: int | None = None,
) -> ContextEntry:
    """The entry of this key, made or replaced; the last writer wins.

    expected_version: the version that the writer has read, 0 for none; null to overwrite any.
    Publishes context.changed, also when nothing changed.
    Raises TooLarge, TooManyTags, SessionIdTooLong, SessionFull, VersionMismatch.
    """
    _refuse_large(key, value, "".join(tags))
    if len(tags) > MOST_TAGS:
        raise TooManyTags
    turn = _take_turn(session_id, agent_id)
    _refuse_changed(session_id, key, expected_version)
    values = {
        "id": uuid.uuid4(),
        "session_id": session_id,
        "key": key,
        "key_hash": ContextEntry.hash_of(key),
        "value": value,
        "tags": list(tags),
        "agent_id": agent_id,
    }
    (shared,) = fetch(_SHARE, values)
    entry = row(ContextEntry, shared)
    if entry.version == entry.number:
        others = ContextEntry.objects.of(session_id).exclude(id=entry.id).count()
        _refuse_full(others, MOST_KEYS, "keys")
    turn.publish(ContextChanged(session_id=session_id, entry=entry_object(entry)))
    return entry


@transaction.atomic
def delete_context(*, session_id: str, key: str, expected_version: int | None = None) -> None:
    """Forget a key. Publishes context.deleted. Raises EntryNotFound, VersionMismatch."""
    entries = ContextEntry.objects.of(session_id).with_key(key)
    if not entries.exists():
        raise EntryNotFound
    turn = _take_turn(session_id)
    _refuse_changed(session_id, key, expected_version)
    entry = entries.first()
    if entry is None:
        raise EntryNotFound
    entry.delete()
    turn.publish(ContextDeleted(session_id=session_id, entry=entry_object(entry)))


def _refuse_changed(session_id: str, key: str, expected_version: int | None) -> None:
    if expected_version is None:
        return
    entry = ContextEntry.objects.of(session_id).with_key(key).first()
    if (entry.version if entry else 0) != expected_version:
        raise VersionMismatch


# --- questions --------------------------------------------------------------------------------


@transaction.atomic
def ask_question(
    *, session_id: str, question: str, agent_id: str, to_agent: str | None = None
) -> Question:
    """A pending question, to one agent or to all; the addressee need not be known.

    Publishes question.asked. Raises TooLarge, SessionIdTooLong, SessionFull.
    """
    _refuse_large(question)
    turn = _take_turn(session_id, agent_id)
    pending = Question.objects.of(session_id).pending().count()
    _refuse_full(pending, MOST_PENDING_QUESTIONS, "pending questions")
    asked = Question(
        id=str(uuid.uuid4()),
        coordination_id=turn.place.coordination_id,
        number=turn.place.number,
        question=question,
        asked_by=agent_id,
        to_agent=to_agent,
        created_at=turn.place.at,
    )
    insert(asked)
    event = QuestionAsked(session_id=session_id, question=question_object(asked))
    turn.publish(event, addressee=to_agent)
    return asked


@transaction.atomic
def answer_question(*, session_id: str, question_id: str, answer: str, agent_id: str) -> Question:
    """The question with this answer as its newest; anyone may answer, again and again.

    Publishes question.answered. Raises TooLarge, QuestionNotFound.
    """
    _refuse_large(answer)
    questions = Question.objects.of(session_id).filter(id=question_id)
    if not questions.exists():
        raise QuestionNotFound(f"Question not found: {question_id}")
    turn = _take_turn(session_id, agent_id)
    question = questions.get()
    question.newest_answer = Answer.objects.create(
        question=question, answer=answer, answered_by=agent_id, answered_at=turn.place.at
    )
    question.save(update_fields=["newest_answer"])
    event = QuestionAnswered(session_id=session_id, question=question_object(question))
    turn.publish(event, addressee=question.to_agent)
    return question


# --- decisions --------------------------------------------------------------------------------


@transaction.atomic
def log_decision(
    *, session_id: str, decision: str, agent_id: str, rationale: str | None = None
) -> Decision:
    """A decision at the end of the session's log.

    Publishes decision.logged. Raises TooLarge, SessionIdTooLong, SessionFull.
    """
    _refuse_large(decision, rationale or "")
    turn = _take_turn(session_id, agent_id)
    _refuse_full(Decision.objects.of(session_id).count(), MOST_DECISIONS, "decisions")
    logged = Decision(
        coordination_id=turn.place.coordination_id,
        number=turn.place.number,
        decision=decision,
        rationale=rationale,
        decided_by=agent_id,
        created_at=turn.place.at,
    )
    insert(logged)
    turn.publish(DecisionLogged(session_id=session_id, decision=decision_object(logged)))
    return logged


# --- turns ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turn:
    """The writer's place in the order of its session; looking at it makes the trip."""

    session_id: str
    _taken: Queued
    _heard: Queued | None

    @cached_property
    def place(self) -> "_Place":
        return _Place(*self._taken.values[0])

    def publish(self, event: Event, *, addressee: str | None = None) -> None:
        """Announce what was done, and before it that the agent is back if it was absent."""
        session = session_channel(self.session_id)
        heard = [row(CoordinatedAgent, each) for each in self._heard.values] if self._heard else []
        back = [_joined(self.session_id, a) for a in heard if a.number == self.place.number]
        to = [session] if addressee is None else [session, agent_channel(addressee)]
        publish_all([*((each, [session]) for each in back), (event, to)])


class _Place(NamedTuple):
    """at: the moment of it."""

    coordination_id: int
    number: int
    at: datetime


_TAKE_TURN = """
INSERT INTO sessions_app_coordination AS known (session_id, last_number, created_at)
VALUES (%(session_id)s, 1, now())
ON CONFLICT (session_id) DO UPDATE SET last_number = known.last_number + 1
RETURNING id, last_number, clock_timestamp()
"""
_HEAR = f"""
UPDATE sessions_app_coordinatedagent AS agent SET
  last_seen_at = clock_timestamp(),
  number = CASE WHEN departure IS NULL THEN number ELSE turn.last_number END,
  departure = NULL
FROM sessions_app_coordination turn
WHERE agent.id = %(agent_id)s AND agent.coordination_id = turn.id
  AND turn.session_id = %(session_id)s AND (departure IS NULL OR departure = 'absent')
RETURNING {columns(CoordinatedAgent, "agent")}
"""  # noqa: S608  names of ours


def _take_turn(session_id: str, agent_id: str | None = None) -> _Turn:
    """Wait until other writers of this session have committed; they wait for us from here on.

    Every write begins so, which also makes the limits exact. agent_id: who writes, and so is
    there. Raises SessionIdTooLong.
    """
    if len(session_id) > LONGEST_SESSION_ID:
        raise SessionIdTooLong
    writer = {"session_id": session_id, "agent_id": agent_id}
    return _Turn(session_id, ask(_TAKE_TURN, writer), ask(_HEAR, writer) if agent_id else None)


def _joined(session_id: str, agent: CoordinatedAgent) -> AgentJoined:
    return AgentJoined(session_id=session_id, agent=agent_object(agent))


def _left(session_id: str, agent: CoordinatedAgent) -> AgentLeft:
    return AgentLeft(session_id=session_id, agent=agent_object(agent), reason=str(agent.departure))


# --- limits -----------------------------------------------------------------------------------


def _refuse_large(*texts: str, longest: int = LONGEST_TEXT) -> None:
    if any(len(text) > longest for text in texts):
        raise TooLarge(f"A text is too large: at most {longest} characters")


def _refuse_full(present: int, most: int, what: str) -> None:
    if present >= most:
        raise SessionFull(f"Too many {what} in this session: at most {most}")
