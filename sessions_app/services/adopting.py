"""Sessions of another service, taken in with counters that count what is known of them."""

from collections.abc import Sequence

from dcm.lib import wire
from dcm.lib.adopting import Adoption, Row
from dcm.lib.statements import query
from projects.services.adopting import with_project_ids

_COUNTS = """
SELECT session_id, count(*) FILTER (WHERE exit_code = 0), count(*) FILTER (WHERE exit_code <> 0)
FROM projects_action WHERE session_id IN (SELECT json_array_elements_text($1::json))
GROUP BY session_id
"""


def _counted(rows: Sequence[Row]) -> list[Row]:
    """The counters as they came, unless there are more actions: the original never counted."""
    ids = [row["id"] for row in rows]
    counts = {
        str(each[0]): (int(each[1] or 0), int(each[2] or 0))
        for each in query(_COUNTS, wire.dump(ids).decode())
    }
    counted = []
    for row in with_project_ids(rows):
        successes, errors = counts.get(row["id"], (0, 0))
        if successes + errors > row["total_tools_used"]:
            row |= {
                "total_tools_used": successes + errors,
                "total_success": successes,
                "total_errors": errors,
            }
        counted.append(row)
    return counted


SESSIONS = Adoption(
    table="sessions_app_session",
    columns={
        "id": "text",
        "project_id": "uuid",
        "started_at": "timestamptz",
        "ended_at": "timestamptz",
        "total_tools_used": "int",
        "total_success": "int",
        "total_errors": "int",
    },
    prepare=_counted,
)

AGENT_CONTEXTS = Adoption(
    table="sessions_app_agentcontext",
    columns={
        "id": "uuid",
        "project_id": "uuid",
        "agent_id": "text",
        "agent_type": "text",
        "role_context": "jsonb",
        "skills_to_restore": "text[]",
        "tools_used": "text[]",
        "progress_summary": "text",
        "last_updated": "timestamptz",
    },
    prepare=with_project_ids,
)
