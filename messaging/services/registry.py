"""The agents that hosts tell of by their hooks: who there is, and in what state. Decision 0021."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from dcm.lib.postgresql.base import Queued
from dcm.lib.pruning import BATCH
from dcm.lib.statements import execute
from messaging.models import Agent
from messaging.names import names_for
from messaging.services.dead_letters import bury
from realtime.channel_names import GLOBAL, agent_channel, session_channel
from realtime.events import AgentState
from realtime.publish import Addressed, append

HEARD_SECONDS = 10
LONGEST_SILENCE = timedelta(hours=24)
MOST_NAMES = 64
State = Agent.State


@dataclass(frozen=True, kw_only=True)
class Sign:
    """What a hook says of its agent. state: None when it says nothing of that.

    Whatever else is None was not told, and stays as it is known.
    """

    session_id: str
    agent_id: str
    event: str
    state: str | None = None
    reason: str = ""
    agent_type: str | None = None
    model: str | None = None
    machine: str | None = None
    parent: str | None = None
    skew_ms: int | None = None


class Heard(NamedTuple):
    """How the agent stands after a sign of life. state: None for one that is not registered."""

    state: str | None
    has_post: bool


# Who is being changed by somebody else is heard of already; so this waits for nobody, and a
# transaction may end with it whatever it holds. A clock that is some seconds old will do: most
# hooks write nothing here.
_HEAR = """
WITH mine AS (
  SELECT id FROM messaging_agent
  WHERE session_id = $1 AND agent_id = $2
    AND seen_at < clock_timestamp() - make_interval(secs => $3::int)
  FOR NO KEY UPDATE SKIP LOCKED
), heard AS (
  UPDATE messaging_agent a SET seen_at = clock_timestamp() FROM mine WHERE a.id = mine.id
)
SELECT (SELECT state FROM messaging_agent WHERE session_id = $1 AND agent_id = $2),
  EXISTS (SELECT FROM messaging_delivery
          WHERE to_agent = $2 AND (state = 'injected' OR (state = 'queued' AND to_inject))
            AND expires_at > now())
"""


class Hearing:
    """A sign of life that goes with the commit."""

    def __init__(self, session_id: str, agent_id: str) -> None:
        self._queued: Queued = execute(_HEAR, session_id, agent_id, str(HEARD_SECONDS))

    @property
    def heard(self) -> Heard:
        state, has_post = self._queued.rows[0]
        return Heard(state, has_post == "t")


def hold_agents(session_id: str) -> dict[str, Agent]:
    """The session's agents by id, locked in one order. Before deliveries, messages and the log."""
    # Whoever may tell of the session may tell of all its agents, whatever project they are in.
    rows = Agent._base_manager.select_for_update(no_key=True).filter(session_id=session_id)
    return {row.agent_id: row for row in rows.order_by("id")}


def note_sign(
    agent: Agent | None, sign: Sign, project_id: uuid.UUID | None
) -> tuple[Agent, list[Addressed]]:
    """Enter what the hook says. agent: its row, held; None when it has none yet.

    What there is to announce is for the caller to append, after all that it locks.
    """
    if agent is None:
        return _register(sign, project_id)
    changed: dict[str, Any] = {
        name: told
        for name in ("agent_type", "model", "machine", "parent", "skew_ms")
        if (told := getattr(sign, name)) is not None and told != getattr(agent, name)
    }
    is_new_state = sign.state is not None and sign.state != agent.state
    if is_new_state or (sign.state is not None and sign.reason != agent.reason):
        changed |= {"reason": sign.reason, "last_event": sign.event}
    if is_new_state:
        changed |= {"state": sign.state, "state_since": timezone.now()}
    _save(agent, changed | {"seen_at": Now()})
    return agent, [told_state(agent)] if is_new_state else []


def _register(sign: Sign, project_id: uuid.UUID | None) -> tuple[Agent, list[Addressed]]:
    """A row under the first of its names that is free."""
    for name in islice(names_for(sign.session_id, sign.agent_id), MOST_NAMES):
        row = Agent(
            session_id=sign.session_id,
            agent_id=sign.agent_id,
            project_id=project_id,
            name=name,
            agent_type=sign.agent_type,
            model=sign.model,
            machine=sign.machine,
            parent=sign.parent,
            skew_ms=sign.skew_ms,
            state=sign.state or State.IDLE,
            reason=sign.reason or "was heard of",
            last_event=sign.event,
            seen_at=Now(),
        )
        # Two may want one name, or tell of one agent, at the same moment: the other waits here.
        Agent.objects.bulk_create([row], ignore_conflicts=True)
        agents = Agent._base_manager.select_for_update(no_key=True)
        known = agents.filter(session_id=sign.session_id, agent_id=sign.agent_id).first()
        if known is not None:
            return known, [told_state(known)] if known.id == row.id else []
    raise RuntimeError(f"none of {MOST_NAMES} names is free in project {project_id}")


def _save(agent: Agent, changed: dict[str, Any]) -> None:
    for name, value in changed.items():
        setattr(agent, name, value)
    agent.save(update_fields=list(changed))


def told_state(agent: Agent) -> Addressed:
    event = AgentState(
        agent_id=agent.agent_id,
        session_id=agent.session_id,
        project_id=agent.project_id,
        name=agent.name,
        agent_type=agent.agent_type,
        state=agent.state,
        reason=agent.reason,
        since=agent.state_since,
    )
    channels = [GLOBAL, agent_channel(agent.agent_id), session_channel(agent.session_id)]
    return Addressed(event, channels)


def end_agents(agents: Sequence[Agent], *, reason: str, event: str) -> list[Addressed]:
    """These have ended, and what they have not seen is dead. They are held.

    Returns what there is to announce, for the caller to append.
    """
    ending = [agent for agent in agents if agent.state != State.ENDED]
    for agent in ending:
        changed = {"state": State.ENDED, "state_since": timezone.now()}
        _save(agent, {**changed, "reason": reason, "last_event": event})
    told = [told_state(agent) for agent in ending]
    return told + bury([agent.agent_id for agent in agents], reason=reason)


def end_agents_of(session_id: str, *, reason: str, event: str) -> list[Addressed]:
    """The same for all agents of a session, which it locks."""
    return end_agents([*hold_agents(session_id).values()], reason=reason, event=event)


def forget_agents_of(session_id: str) -> None:
    """As if no hook had told of them."""
    hold_agents(session_id)
    Agent.objects.filter(session_id=session_id).delete()


@transaction.atomic
def end_agent(id_: uuid.UUID) -> bool:
    """Somebody says so. False for one that had ended. Publishes as end_agents() announces."""
    agents = Agent.objects.select_for_update(no_key=True).filter(id=id_).exclude(state=State.ENDED)
    found = list(agents)
    append(end_agents(found, reason="was ended by hand", event="admin"))
    return bool(found)


@transaction.atomic
def note_silence(limit: int = BATCH) -> int:
    """Call stale who ought to be at work and was not heard of for AGENT_STALE_MINUTES.

    Returns how many. Publishes agent.state for each. Several processes may sweep at once.
    """
    agents = silent_agents().select_for_update(no_key=True, skip_locked=True)
    silent = list(agents.order_by("id")[:limit])
    for agent in silent:
        reason = f"silent; before, it {agent.reason}" if agent.reason else "silent"
        _save(agent, {"state": State.STALE, "state_since": timezone.now(), "reason": reason})
    append([told_state(agent) for agent in silent])
    return len(silent)


def silent_agents() -> Any:
    before = Now() - timedelta(minutes=settings.AGENT_STALE_MINUTES)
    return Agent.objects.filter(state=State.WORKING, seen_at__lt=before)


@transaction.atomic
def end_lost(limit: int = BATCH) -> int:
    """End who was not heard of for a day: its host was closed without a word.

    Returns how many. Publishes agent.state for each, and what becomes of their messages.
    """
    agents = lost_agents().select_for_update(no_key=True, skip_locked=True)
    lost = list(agents.order_by("id")[:limit])
    append(end_agents(lost, reason="was silent for a day", event="silence"))
    return len(lost)


def lost_agents() -> Any:
    before = Now() - LONGEST_SILENCE
    return Agent.objects.exclude(state=State.ENDED).filter(seen_at__lt=before)
