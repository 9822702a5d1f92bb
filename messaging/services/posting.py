"""A message is stored, numbered among those of its pair, and announced. Decision 0022."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from dcm.lib import wire
from dcm.lib.json_rows import WIRE_TIME
from dcm.lib.statements import query
from messaging.models import CONTEXT_GENERATED, Subscription
from projects.services.projects import ProjectNotFound
from realtime.channel_names import GLOBAL, agent_channel, topic_channel
from realtime.events import MessageNew
from realtime.publish import Addressed

SERVER = ""
"""The sender of the server's own notices, where a pair is counted."""

NEVER_INJECTED = frozenset({"agent.heartbeat", CONTEXT_GENERATED})
"""Topics of what is no news to a model."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What to send. from_agent: None for the server itself. to_agent: None for everybody."""

    from_agent: str | None
    topic: str
    content: dict[str, Any]
    to_agent: str | None = None
    priority: int = 0
    ttl_seconds: int | None = None
    project_id: uuid.UUID | None = None
    in_reply_to: uuid.UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A letter that is stored. Moments are as on the wire.

    delivery: {"agent_id", "number", "is_crossed", "state", "reason"}; None for a broadcast.
    """

    id: uuid.UUID
    letter: Letter
    created_at: str
    expires_at: str
    delivery: dict[str, Any] | None


# By the database's clock, which all servers share: it also says when a message is over. Pairs are
# locked in one order. Crossed: what came from there has not been seen yet by who writes this.
_PUT = f"""
WITH letter AS MATERIALIZED (
  SELECT l.*, coalesce(from_agent, '') AS sender, at + n * interval '1 microsecond' AS at, ended
  FROM (SELECT clock_timestamp() AS at) now, json_to_recordset($1::json) AS l(
    n int, id uuid, project_id uuid, from_agent text, to_agent text, topic text, content jsonb,
    priority int, life int, in_reply_to uuid, to_inject boolean)
  LEFT JOIN LATERAL (
    SELECT CASE state WHEN 'ended' THEN reason END AS ended FROM messaging_agent
    WHERE agent_id = l.to_agent ORDER BY state = 'ended', seen_at DESC LIMIT 1
  ) addressee ON true
), message AS (
  INSERT INTO messaging_message (id, project_id, from_agent, to_agent, message_type, topic, content,
                                 priority, read_by, created_at, expires_at)
  SELECT id, project_id, from_agent, to_agent, topic, topic, content, priority, '{{}}', at,
         at + make_interval(secs => life) FROM letter
), pair AS (
  SELECT sender, to_agent, count(*) AS many, min(n) FILTER (WHERE ended IS NULL) AS first
  FROM letter WHERE to_agent IS NOT NULL GROUP BY 1, 2
), correspondence AS (
  INSERT INTO messaging_correspondence AS c (from_agent, to_agent, last_number, used_at)
  SELECT sender, to_agent, many, now() FROM pair ORDER BY sender COLLATE "C", to_agent COLLATE "C"
  ON CONFLICT (from_agent, to_agent) DO UPDATE
  SET last_number = c.last_number + EXCLUDED.last_number, used_at = now()
  RETURNING from_agent AS sender, to_agent, last_number
), delivery AS (
  INSERT INTO messaging_delivery (message_id, from_agent, to_agent, project_id, in_reply_to,
    expires_at, to_inject, injections, number, is_crossed, state, reason, queued_at)
  SELECT id, l.sender, l.to_agent, project_id, in_reply_to, at + make_interval(secs => life),
    to_inject AND ended IS NULL, 0,
    last_number + 1 - row_number() OVER (PARTITION BY l.sender, l.to_agent ORDER BY n DESC),
    coalesce(back.first < n, false) OR EXISTS (
      SELECT FROM messaging_delivery d
      WHERE d.to_agent = l.sender AND d.from_agent = l.to_agent
        AND d.state IN ('queued', 'injected') AND d.expires_at > now()
        AND d.message_id IS DISTINCT FROM l.in_reply_to),
    CASE WHEN ended IS NULL THEN 'queued' ELSE 'dead' END,
    'its addressee had ended: ' || ended, at
  FROM letter l JOIN correspondence USING (sender, to_agent)
  LEFT JOIN pair back ON back.sender = l.to_agent AND back.to_agent = l.sender
  RETURNING message_id, number, is_crossed, state, reason
)
SELECT json_agg(json_build_object(
  'created_at', {WIRE_TIME.format("at")},
  'expires_at', {WIRE_TIME.format("(at + make_interval(secs => life))")},
  'delivery', CASE WHEN to_agent IS NOT NULL THEN json_build_object('agent_id', to_agent,
    'number', number, 'is_crossed', is_crossed, 'state', state, 'reason', reason) END
) ORDER BY n)
FROM letter LEFT JOIN delivery ON message_id = id
"""  # noqa: S608  constants of ours


def put(letters: Sequence[Letter]) -> list[Sent]:
    """Store them. Raises ProjectNotFound; the caller announces them, see announcement()."""
    ids = [uuid.uuid4() for _ in letters]
    rows = [_row(n, id_, letter) for n, (id_, letter) in enumerate(zip(ids, letters, strict=True))]
    try:
        ((stored,),) = query(_PUT, wire.dump(rows).decode())
    except IntegrityError:
        missing = [letter.project_id for letter in letters if letter.project_id]
        raise ProjectNotFound(f"Project not found: {missing[0]}") from None
    told = wire.load((stored or "[]").encode())
    return [
        Sent(id=id_, letter=letter, **of_one)
        for id_, letter, of_one in zip(ids, letters, told, strict=True)
    ]


def _row(n: int, id_: uuid.UUID, letter: Letter) -> dict[str, Any]:
    life = letter.ttl_seconds
    return {
        "n": n,
        "id": id_,
        "project_id": letter.project_id,
        "from_agent": letter.from_agent,
        "to_agent": letter.to_agent,
        "topic": letter.topic,
        "content": letter.content,
        "priority": letter.priority,
        "life": settings.MESSAGE_TTL_SECONDS if life is None else life,
        "in_reply_to": letter.in_reply_to,
        "to_inject": letter.topic not in NEVER_INJECTED,
    }


def post(letters: Iterable[Letter]) -> list[Addressed]:
    """Store several; what there is to announce."""
    return [announcement(each) for each in put(in_order_of_pairs(letters))]


def in_order_of_pairs(letters: Iterable[Letter]) -> list[Letter]:
    return sorted(letters, key=lambda each: (each.from_agent or SERVER, each.to_agent or ""))


def announcement(sent: Sent) -> Addressed:
    letter = sent.letter
    event = MessageNew(
        id=sent.id,
        from_agent=letter.from_agent,
        to_agent=letter.to_agent,
        topic=letter.topic,
        priority=letter.priority,
        created_at=sent.created_at,
        expires_at=sent.expires_at,
    )
    return Addressed(event, [GLOBAL, *_hearers(letter), topic_channel(letter.topic)])


def _hearers(letter: Letter) -> list[str]:
    """The addressee's channel; of a broadcast those of its topic's subscribers. Contract: R30."""
    if letter.to_agent is not None:
        return [agent_channel(letter.to_agent)]
    subscribers = Subscription.objects.filter(topic=letter.topic)
    agents = subscribers.exclude(agent_id=letter.from_agent).order_by("agent_id")
    return [agent_channel(agent_id) for agent_id in agents.values_list("agent_id", flat=True)]
