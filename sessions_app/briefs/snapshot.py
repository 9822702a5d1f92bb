"""How things stand when a compaction begins, for the brief after it."""

from typing import Any

from sessions_app.briefs.agent_types import infer_type
from sessions_app.briefs.gather import gather
from sessions_app.briefs.items import LONGEST_CONTENT, one_line
from sessions_app.briefs.material import Material, Snapshot, Wanted
from sessions_app.briefs.of_session import OPEN

MOST_FILES = 200
LONGEST_PROMPT = 2_000


def snapshot_of(session_id: str, agent_id: str, agent_type: str | None) -> Snapshot:
    """As JSON; texts are cut, so that it stays small whatever was recorded."""
    kind = infer_type(agent_id) if agent_type is None else agent_type
    wanted = Wanted(
        agent_id=agent_id,
        agent_type=kind,
        session_id=session_id,
        include_messages=False,
        include_blocking=False,
    )
    material = gather(wanted)
    changed = [touch.path for touch in material.touches if touch.is_own and touch.is_changed]
    return {
        "request": _request(material),
        "subtasks": [
            {
                "id": str(task.id),
                "description": one_line(task.description, LONGEST_CONTENT),
                "status": task.status,
                "agent_id": task.agent_id,
            }
            for task in (*material.tasks, *material.team)
            if task.status in OPEN
        ],
        "files": list(dict.fromkeys(changed))[:MOST_FILES],
        "decisions": [
            {"id": each.id, "by": each.by, "text": one_line(each.text, LONGEST_CONTENT)}
            for each in material.decisions
        ],
    }


def _request(material: Material) -> dict[str, Any] | None:
    request = material.request
    if request is None:
        return None
    return {
        "id": str(request.id),
        "prompt": one_line(request.prompt, LONGEST_PROMPT),
        "status": request.status,
    }
