"""Whom an address means. docs/messages.md has the grammar.

    @quiet-otter        the agent of that name        type:reviewer    all agents of that type
    session:<id>        that session's main agent     project          all agents of the project
    anything else       the agent of that id, else of that name

All but ids mean agents of one project: the one that is given, else the sender's. Those that have
ended are meant only by their own name, id or session.
"""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import QuerySet

from dcm.lib.errors import DomainError, NotFound
from messaging.models import Agent

MOST_RECIPIENTS = 200


class UnknownAddress(NotFound):
    """Text: `No agent is called quiet-otter in this project`."""


class UnclearAddress(DomainError):
    """Text: `Which project? Give project_id: …`."""


class Recipient(NamedTuple):
    """name: None for an id that is not in the registry."""

    agent_id: str
    name: str | None


def recipients(
    address: str, *, sender: str, project_id: uuid.UUID | None = None
) -> Sequence[Recipient]:
    """At least one, in order of their ids, without the sender where several are meant.

    Raises UnknownAddress, UnclearAddress.
    """
    kind, _, name = address.partition(":")
    if address.startswith("@") and len(address) > 1:
        return [_called(address[1:], sender, project_id)]
    if kind == "session" and name:
        return [_main_agent(name, project_id)]
    if kind == "type" and name:
        found = _there(sender, project_id, address).filter(agent_type=name)
        return _several(found, f"No agent of type {name[:200]} is there in this project")
    if address == "project":
        found = _there(sender, project_id, address)
        return _several(found, "No other agent is there in this project")
    return [_of_id(address, sender, project_id)]


def _of_id(address: str, sender: str, project_id: uuid.UUID | None) -> Recipient:
    known = Agent.objects.filter(agent_id=address).order_by("-seen_at").first()
    if known is None:
        project_id = project_id or project_of(sender)
        called = Agent.objects.filter(name=address)
        named = called.filter(project_id=project_id).first() if project_id else None
        return Recipient(named.agent_id, named.name) if named else Recipient(address, None)
    return Recipient(known.agent_id, known.name)


def _called(name: str, sender: str, project_id: uuid.UUID | None) -> Recipient:
    found = Agent.objects.filter(name=name)
    project_id = project_id or project_of(sender)
    if project_id is not None:
        found = found.filter(project_id=project_id)
    rows = list(found[:2])
    if not rows:
        raise UnknownAddress(f"No agent is called {name[:200]} in this project")
    if len(rows) > 1:
        raise UnclearAddress(f"Agents of several projects are called {name[:200]}: {_SAY_WHICH}")
    return Recipient(rows[0].agent_id, rows[0].name)


def _main_agent(session_id: str, project_id: uuid.UUID | None) -> Recipient:
    found = Agent.objects.filter(session_id=session_id, agent_id=session_id)
    if project_id is not None:
        found = found.filter(project_id=project_id)
    row = found.first()
    if row is None:
        raise UnknownAddress(f"No hook has told of session {session_id[:200]}")
    return Recipient(row.agent_id, row.name)


def _there(sender: str, project_id: uuid.UUID | None, address: str) -> "QuerySet[Agent]":
    """Agents of the project that have not ended."""
    project_id = project_id or project_of(sender)
    if project_id is None:
        raise UnclearAddress(f"{address[:200]} means agents of a project: {_SAY_WHICH}")
    there = Agent.objects.filter(project_id=project_id).exclude(state=Agent.State.ENDED)
    return there.exclude(agent_id=sender)


_SAY_WHICH = "give its project_id"


def _several(found: "QuerySet[Agent]", otherwise: str) -> Sequence[Recipient]:
    rows = found.order_by("agent_id", "-seen_at").distinct("agent_id")[: MOST_RECIPIENTS + 1]
    chosen = [Recipient(row.agent_id, row.name) for row in rows]
    if not chosen:
        raise UnknownAddress(otherwise)
    if len(chosen) > MOST_RECIPIENTS:
        raise UnclearAddress(f"More than {MOST_RECIPIENTS} agents are meant: name fewer")
    return chosen


def project_of(agent_id: str) -> uuid.UUID | None:
    """The project in which the agent was heard of last."""
    rows = Agent.objects.filter(agent_id=agent_id, project__isnull=False).order_by("-seen_at")
    project_id: uuid.UUID | None = rows.values_list("project_id", flat=True).first()
    return project_id
