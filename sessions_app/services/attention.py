"""After each hook: its agent's state is kept, and messages are put before it. Decision 0022.

What nearly every hook needs goes along with its own commit (`listen`). Only what changes anything
takes a transaction of its own (`attend`), so that locks are taken in one order: the agents of the
session, deliveries, messages, the event log.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from django.db import transaction

from dcm.lib.deadlocks import again_after_deadlock
from messaging.models import Agent
from messaging.services.delivery import Handed, Occasion, hand_over
from messaging.services.registry import Hearing, Sign, end_agents, hold_agents, note_sign
from projects.services.projects import upsert_project
from realtime.publish import append
from sessions_app.agent_states import (
    CALLS,
    REVIVES,
    agent_of,
    occasion_of,
    sign_of,
    sign_of_child,
)
from sessions_app.hook_events import HookEvent
from sessions_app.models import Session

State = Agent.State


@dataclass(frozen=True)
class Attention:
    """What a hook may yet ask for. Its answers are there once its transaction is committed.

    began_at: when the tool call began that it tells of, if that is known.
    """

    event: HookEvent
    hearing: Hearing
    began_at: datetime | None = None

    @property
    def occasion(self) -> Occasion:
        return occasion_of(self.event, began_at=self.began_at)

    @property
    def is_needed(self) -> bool:
        state, has_post = self.hearing.heard
        sign = sign_of(self.event)
        if state is None:
            return sign.state != State.ENDED
        if state == State.ENDED and self.event.name not in REVIVES:
            return sign_of_child(self.event) is not None
        if has_post and self.occasion.is_any:
            return True
        if self.event.name in CALLS:
            return sign.state != state or sign_of_child(self.event) is not None
        return sign.state is not None or self.event.name == "SessionStart"


def listen(event: HookEvent) -> Attention | None:
    """Hear of the agent, at the end of the hook's own transaction. None for what is told late."""
    if event.is_late:
        return None
    return Attention(event, Hearing(event.session_id, agent_of(event)))


def attend(attention: Attention) -> dict[str, Any]:
    """Keep the agent's state, note what it has seen, and answer with what is put before it.

    For the host's `hookSpecificOutput`; {} for nothing. Publishes agent.state, message.injected,
    message.read, and what becomes of messages to agents that have ended.
    """
    is_known = attention.hearing.heard.state is not None
    project_id = None if is_known else _project_id(attention.event)
    handed = _attend(attention.event, attention.occasion, project_id)
    return {"additionalContext": handed.text} if handed.text else {}


@again_after_deadlock
@transaction.atomic
def _attend(event: HookEvent, occasion: Occasion, project_id: uuid.UUID | None) -> Handed:
    agents = hold_agents(event.session_id)
    sign = sign_of(event)
    known = agents.get(sign.agent_id)
    if known is not None and known.state == State.ENDED and event.name not in REVIVES:
        handed = Handed()
    else:
        agent, told = note_sign(known, sign, project_id)
        agents[sign.agent_id] = agent
        handed = hand_over(agents.values(), agent, occasion)
        handed.told = told + handed.told
    if (child := sign_of_child(event)) is not None:
        project_of_child = project_id or agents[sign.agent_id].project_id
        handed.told += note_sign(agents.get(child.agent_id), child, project_of_child)[1]
    if sign.state == State.ENDED:
        handed.told += _end(sign, agents)
    append(handed.told)
    return handed


def _end(sign: Sign, agents: dict[str, Agent]) -> list[Any]:
    """A session's main agent takes the others along."""
    is_main = sign.agent_id == sign.session_id
    ending = agents.values() if is_main else [agents[sign.agent_id]]
    return end_agents([*ending], reason=sign.reason, event=sign.event)


def _project_id(event: HookEvent) -> uuid.UUID | None:
    """That of its session, else the one in its folder."""
    found = Session.objects.filter(id=event.session_id, project__isnull=False)
    project_id: uuid.UUID | None = found.values_list("project_id", flat=True).first()
    if project_id is None and event.cwd:
        project_id = upsert_project(path=event.cwd, name=PurePosixPath(event.cwd).name or None).id
    return project_id
