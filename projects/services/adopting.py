"""The work tree of another service, taken in as it was: nothing is learned or announced anew."""

from collections.abc import Sequence

from dcm.lib import wire
from dcm.lib.adopting import Adoption, Row
from dcm.lib.redaction.services import clean_text
from dcm.lib.statements import query
from projects.models import Action
from projects.services.actions import NewAction
from projects.services.projects import tidy_path
from projects.signals import actions_recorded

_IDS = """
SELECT path, id FROM projects_project WHERE path IN (SELECT json_array_elements_text($1::json))
"""


def with_project_ids(rows: Sequence[Row]) -> list[Row]:
    """Each row with the `project_id` of its `project_path`, which may differ from where it was."""
    paths = {row["project_path"] for row in rows if row["project_path"] is not None}
    wanted = sorted({tidy_path(path) for path in paths})
    found = query(_IDS, wire.dump(wanted).decode())
    ids = {row[0]: row[1] for row in found}
    return [{**row, "project_id": ids.get(_tidy(row["project_path"]))} for row in rows]


def _tidy(path: str | None) -> str | None:
    return None if path is None else tidy_path(path)


PROJECTS = Adoption(
    table="projects_project",
    columns={
        "id": "uuid",
        "path": "text",
        "name": "text",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
        "metadata": "jsonb",
    },
    unique=(("path",), ("id",)),
)


def _clean_prompts(rows: Sequence[Row]) -> list[Row]:
    return [{**row, "prompt": clean_text(row["prompt"])} for row in with_project_ids(rows)]


REQUESTS = Adoption(
    table="projects_request",
    columns={
        "id": "uuid",
        "project_id": "uuid",
        "session_id": "text",
        "prompt": "text",
        "prompt_type": "text",
        "status": "text",
        "created_at": "timestamptz",
        "completed_at": "timestamptz",
        "metadata": "jsonb",
    },
    prepare=_clean_prompts,
)

TASKS = Adoption(
    table="projects_task",
    columns={
        "id": "uuid",
        "request_id": "uuid",
        "name": "text",
        "wave_number": "int",
        "status": "text",
        "created_at": "timestamptz",
        "completed_at": "timestamptz",
    },
)

SUBTASKS = Adoption(
    table="projects_subtask",
    columns={
        "id": "uuid",
        "task_id": "uuid",
        "agent_type": "text",
        "agent_id": "text",
        "description": "text",
        "status": "text",
        "blocked_by": "uuid[]",
        "created_at": "timestamptz",
        "started_at": "timestamptz",
        "completed_at": "timestamptz",
        "context_snapshot": "jsonb",
        "result": "jsonb",
    },
)


class _Actions(Adoption):
    def adopt(self, rows: Sequence[Row]) -> list[str]:
        """The same, and count the new ones in their sessions."""
        new = super().adopt(rows)
        found = set(new)
        mine = [_action(row) for row in rows if row["id"] in found]
        if mine:
            actions_recorded.send(Action, actions=mine)
        return new


def _action(row: Row) -> NewAction:
    return NewAction(
        tool_name=row["tool_name"],
        tool_type=row["tool_type"],
        exit_code=row["exit_code"],
        session_id=row["session_id"],
    )


def _without_secrets(rows: Sequence[Row]) -> list[Row]:
    return [
        {**row, "input": clean_text(row["input"]), "output": clean_text(row["output"])}
        for row in rows
    ]


ACTIONS = _Actions(
    table="projects_action",
    columns={
        "id": "uuid",
        "subtask_id": "uuid",
        "session_id": "text",
        "project_path": "text",
        "tool_name": "text",
        "tool_type": "text",
        "input": "text",
        "output": "text",
        "file_paths": "text[]",
        "exit_code": "int",
        "duration_ms": "int",
        "created_at": "timestamptz",
    },
    prepare=_without_secrets,
)
