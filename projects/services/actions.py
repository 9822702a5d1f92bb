"""Action tracking: the hottest write of all. Contract: rest 5.6."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction

from dcm.lib import wire
from dcm.lib.batcher import Batcher
from dcm.lib.errors import NotFound
from dcm.lib.redaction.services import clean_text, without_marks
from dcm.lib.statements import array, execute, query
from projects.models import Action
from projects.services.action_projects import projects_of
from projects.services.subtasks import SubtaskNotFound
from projects.signals import actions_recorded
from realtime.channel_names import GLOBAL, session_channel
from realtime.events import ActionCreated, ActionsBulkDeleted
from realtime.publish import publish, publish_all
from routing.keywords import extract_keywords, extract_rich_keywords
from routing.services import ToolUse, learn, learn_for_projects


class ActionNotFound(NotFound):
    message = "Action not found"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewAction:
    """A tool call to record. exit_code: 0 is success. created_at: when it arrived.

    id: made by whoever sends it, so that sending it again changes nothing.
    """

    tool_name: str
    tool_type: str
    id: uuid.UUID | None = None
    input: str | None = None
    output: str | None = None
    file_paths: Sequence[str] = ()
    exit_code: int = 0
    duration_ms: int | None = None
    subtask_id: uuid.UUID | None = None
    session_id: str | None = None
    project_path: str | None = None
    created_at: datetime = field(default_factory=_now)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedAction:
    """The stored action. is_new: false when one of this id was there; it stays as it was.

    seq: number of the event that announces it; None when there was nothing new to tell.
    """

    id: uuid.UUID
    tool_name: str
    tool_type: str
    exit_code: int
    duration_ms: int | None
    created_at: datetime
    keywords_extracted: int
    is_new: bool
    seq: int | None


_INSERT = """
INSERT INTO projects_action (id, subtask_id, session_id, project_path, tool_name, tool_type, input,
                             output, file_paths, exit_code, duration_ms, created_at)
SELECT id, subtask_id, session_id, project_path, tool_name, tool_type, input,
       output, file_paths, exit_code, duration_ms, created_at
FROM json_to_recordset($1::json)
  AS a(id uuid, subtask_id uuid, session_id text, project_path text, tool_name text, tool_type text,
       input text, output text, file_paths text[], exit_code int, duration_ms int,
       created_at timestamptz)
ORDER BY id
ON CONFLICT (id) DO NOTHING
RETURNING id
"""


def record_actions(actions: list[NewAction]) -> list[RecordedAction]:
    """Store these tool calls without their secrets, learn from their inputs, tell the sockets.

    Publishes action.created for each new one. Raises SubtaskNotFound.
    """
    with transaction.atomic():
        actions = [_without_secrets(action) for action in actions]
        ids = [action.id or uuid.uuid4() for action in actions]
        firsts = dict(reversed([*zip(ids, actions, strict=True)]))
        _check_subtasks(actions)
        new = _insert(firsts)
        # One that was there may be deleted by now; it is then reported as it was sent.
        stored: dict[uuid.UUID, NewAction | Action] = {
            **firsts,
            **_stored(firsts.keys() - new.keys()),
        }
        keywords = {id_: _keywords(action) for id_, action in stored.items()}
        places = projects_of(new) if settings.ROUTING_PROJECT_SCORES else {}
        uses = [_use(each, keywords[id_], places.get(id_)) for id_, each in new.items()]
        learn(uses)
        learn_for_projects(uses)
        actions_recorded.send(Action, actions=[*new.values()])
        published = publish_all([_announcement(id_, action) for id_, action in new.items()])
    numbers = dict(zip(map(id, new.values()), published.numbers, strict=True))
    return [
        _recorded(id_, stored[id_], len(keywords[id_]), numbers.get(id(action)))
        for id_, action in zip(ids, actions, strict=True)
    ]


def record_each(actions: list[NewAction]) -> list[RecordedAction | SubtaskNotFound]:
    """The same, but what has no subtask to go to does not keep the others out."""
    try:
        return [*record_actions(actions)]
    except SubtaskNotFound as missing:
        if len(actions) == 1:
            return [missing]
        half = len(actions) // 2
        return record_each(actions[:half]) + record_each(actions[half:])


recorder: Batcher[NewAction, RecordedAction] = Batcher(record_each, largest=1_024, lanes=2)
"""For the event loop: what comes at the same time shares a commit.

Large, since the more of them, the more of their keywords are the same and counted once. Of many, a
second transaction has its rows stored while the first has its keywords counted.
"""


@transaction.atomic
def delete_action(action_id: uuid.UUID) -> None:
    """Raises ActionNotFound."""
    deleted, _ = Action.objects.filter(id=action_id).delete()
    if not deleted:
        raise ActionNotFound


@transaction.atomic
def delete_actions_of_session(session_id: str) -> int:
    """Delete them all and return how many. Publishes actions.bulk_deleted, also for none."""
    # One that is locked is being deleted by somebody else; waiting for it could deadlock.
    mine = Action.objects.select_for_update(skip_locked=True).filter(session_id=session_id)
    deleted, _ = Action.objects.filter(id__in=mine.values("id")).delete()
    publish(
        ActionsBulkDeleted(session_id=session_id, deleted_count=deleted),
        to=[GLOBAL, session_channel(session_id)],
    )
    return deleted


def _without_secrets(action: NewAction) -> NewAction:
    input_, output = clean_text(action.input), clean_text(action.output)
    if input_ is action.input and output is action.output:
        return action
    return replace(action, input=input_, output=output)


_HOLD = "SELECT id FROM projects_subtask WHERE id = ANY($1) FOR KEY SHARE"


def _check_subtasks(actions: Sequence[NewAction]) -> None:
    """Hold the subtasks until the commit, so that none is deleted meanwhile."""
    wanted = {str(action.subtask_id) for action in actions if action.subtask_id is not None}
    if not wanted:
        return
    # Only a subtask that is being deleted is locked against this. Waiting for it while holding
    # others could deadlock, so then it is missing, and the batcher tries action by action.
    hold = _HOLD if len(wanted) == 1 else _HOLD + " SKIP LOCKED"
    missing = wanted - {row[0] for row in query(hold, array(wanted))}
    if missing:
        raise SubtaskNotFound(f"Subtask not found: {min(missing)}")


def _insert(actions: Mapping[uuid.UUID, NewAction]) -> Mapping[uuid.UUID, NewAction]:
    """Those whose ids were not there before."""
    rows = wire.dump([_columns(id_, action) for id_, action in actions.items()]).decode()
    if not any(action.id for action in actions.values()):
        execute(_INSERT, rows)
        return actions
    unseen = {row[0] for row in query(_INSERT, rows)}
    return {id_: action for id_, action in actions.items() if str(id_) in unseen}


def _columns(id_: uuid.UUID, action: NewAction) -> dict[str, object]:
    return {
        "id": id_,
        "subtask_id": action.subtask_id,
        "session_id": action.session_id,
        "project_path": action.project_path,
        "tool_name": action.tool_name,
        "tool_type": action.tool_type,
        "input": action.input,
        "output": action.output,
        "file_paths": list(action.file_paths),
        "exit_code": action.exit_code,
        "duration_ms": action.duration_ms,
        "created_at": action.created_at.isoformat(),
    }


def _stored(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Action]:
    return Action.objects.defer("output").in_bulk(ids) if ids else {}


def _keywords(action: NewAction | Action) -> list[str]:
    extract = extract_rich_keywords if settings.ROUTING_RICH_KEYWORDS else extract_keywords
    return extract(without_marks(action.input or ""))


def _use(action: NewAction, keywords: Sequence[str], project_id: uuid.UUID | None) -> ToolUse:
    return ToolUse(
        tool_name=action.tool_name,
        tool_type=action.tool_type,
        keywords=keywords,
        success=action.exit_code == 0,
        used_at=action.created_at,
        project_id=project_id,
    )


def _recorded(
    id_: uuid.UUID, action: NewAction | Action, keywords: int, seq: int | None
) -> RecordedAction:
    return RecordedAction(
        id=id_,
        tool_name=action.tool_name,
        tool_type=action.tool_type,
        exit_code=action.exit_code,
        duration_ms=action.duration_ms,
        created_at=action.created_at,
        keywords_extracted=keywords,
        is_new=seq is not None,
        seq=seq,
    )


def _announcement(id_: uuid.UUID, action: NewAction) -> tuple[ActionCreated, list[str]]:
    created = ActionCreated(
        id=id_,
        session_id=action.session_id,
        subtask_id=action.subtask_id,
        tool_name=action.tool_name,
        tool_type=action.tool_type,
        exit_code=action.exit_code,
        duration_ms=action.duration_ms,
    )
    mine = [session_channel(action.session_id)] if action.session_id else []
    return created, [GLOBAL, *mine]
