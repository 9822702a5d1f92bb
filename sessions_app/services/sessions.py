"""Sessions: begun, counted, ended. Contract: rest 5.9."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.dispatch import receiver
from django.utils import timezone

from dcm.lib import wire
from dcm.lib.errors import Conflict, NotFound
from dcm.lib.statements import execute
from messaging.services.registry import end_agents_of, forget_agents_of
from projects.models import Project
from projects.services.actions import NewAction
from projects.services.projects import ProjectNotFound
from projects.signals import actions_recorded, project_deleting
from realtime.channel_names import GLOBAL, session_channel
from realtime.events import SessionCreated, SessionDeleted, SessionEnded, SessionEvent
from realtime.publish import append, publish
from sessions_app.models import Session


class SessionNotFound(NotFound):
    message = "Session not found"


class SessionExists(Conflict):
    message = "Session already exists"


@transaction.atomic
def create_session(
    *,
    id: str,  # noqa: A002  the wire's own name
    project_id: uuid.UUID | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    **counters: int,
) -> Session:
    """One run of an agent host.

    Publishes session.created. Raises SessionExists, ProjectNotFound.
    """
    if project_id is not None:
        _hold_project(project_id)
    session = Session(
        id=id,
        project_id=project_id,
        started_at=started_at or timezone.now(),
        ended_at=ended_at,
        **counters,
    )
    try:
        with transaction.atomic():
            session.save(force_insert=True)
    except IntegrityError:
        raise SessionExists(id=id) from None
    _announce(session, SessionCreated)
    return session


@transaction.atomic
def find_or_create_session(
    *, session_id: str, project_id: uuid.UUID | None, started_at: datetime
) -> Session:
    """The session of this id, begun then when it is new; one without a project gets this one.

    Publishes session.created for a new one.
    """
    session, is_new = Session.objects.get_or_create(
        id=session_id, defaults={"project_id": project_id, "started_at": started_at}
    )
    if is_new:
        _announce(session, SessionCreated)
    elif session.project_id is None and project_id is not None:
        session.project_id = project_id
        session.save(update_fields=["project_id"])
    return session


@transaction.atomic
def resume_session(session_id: str) -> Session:
    """A session that had ended goes on. Raises SessionNotFound."""
    session = _locked(session_id)
    session.ended_at = None
    session.save(update_fields=["ended_at"])
    return session


@transaction.atomic
def update_session(session_id: str, **changes: Any) -> Session:
    """Set what is given: ended_at, and counters as absolute values.

    With ended_at its agents have ended, too. Publishes session.ended then, and what end_agents_of()
    has to announce. Raises SessionNotFound.
    """
    session = _locked(session_id)
    for name, value in changes.items():
        setattr(session, name, value)
    session.save(update_fields=list(changes))
    if "ended_at" in changes:
        ended = end_agents_of(session_id, reason="its session ended", event="SessionEnd")
        _announce(session, SessionEnded)
        append(ended)
    return session


@transaction.atomic
def delete_session(session_id: str) -> None:
    """Its requests stay. Publishes session.deleted. Raises SessionNotFound."""
    session = _locked(session_id)
    forget_agents_of(session_id)
    Session.objects.filter(id=session_id).delete()
    _announce(session, SessionDeleted)


_COUNT = """
WITH counted AS (
  SELECT * FROM json_to_recordset($1::json) AS c(id text, successes int, errors int)
), mine AS (
  SELECT id FROM sessions_app_session WHERE id IN (SELECT id FROM counted)
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE sessions_app_session s SET
  total_tools_used = s.total_tools_used + counted.successes + counted.errors,
  total_success = s.total_success + counted.successes,
  total_errors = s.total_errors + counted.errors
FROM mine JOIN counted USING (id) WHERE s.id = mine.id
"""


@receiver(actions_recorded)
def count_actions(actions: Sequence[NewAction], **_: Any) -> None:
    """Count these actions in their sessions, those that exist. Contract: rest R27."""
    mine = [action for action in actions if action.session_id]
    successes = Counter(action.session_id for action in mine if action.exit_code == 0)
    errors = Counter(action.session_id for action in mine if action.exit_code != 0)
    counts = [
        {"id": session_id, "successes": successes[session_id], "errors": errors[session_id]}
        for session_id in {action.session_id for action in mine}
    ]
    if counts:
        execute(_COUNT, wire.dump(counts).decode())


@receiver(project_deleting)
def hold_sessions(project_id: uuid.UUID, **_: Any) -> None:
    """Lock the sessions of a project that goes in the order in which they are counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM sessions_app_session WHERE project_id = %s ORDER BY id FOR NO KEY UPDATE",
            [project_id],
        )


def _hold_project(project_id: uuid.UUID) -> None:
    """Keep the project until the commit. Raises ProjectNotFound."""
    projects = Project.objects.select_for_update(no_key=True)
    if not projects.filter(id=project_id).exists():
        raise ProjectNotFound(f"Project not found: {project_id}")


def _locked(session_id: str) -> Session:
    session = Session.objects.select_for_update(no_key=True).filter(id=session_id).first()
    if session is None:
        raise SessionNotFound
    return session


def _announce(session: Session, kind: type[SessionEvent]) -> None:
    event = kind(id=session.id, project_id=session.project_id)
    publish(event, to=[GLOBAL, session_channel(session.id)])
