"""Who holds what: leases on paths, claims on subtasks."""

import uuid
from typing import Any

from dcm.dashboard.selectors.rows import rows

MOST = 100
EXCERPT = 200

_LEASES = """
SELECT l.id, left(l.pattern, 200) AS pattern, left(l.agent_id, 300) AS agent_id, l.is_shared,
       l.is_implicit, left(l.reason, %(excerpt)s) AS reason, l.expires_at,
       l.project_id, left(p.path, 300) AS project_path
FROM projects_lease l JOIN projects_project p ON p.id = l.project_id
WHERE l.expires_at > now() AND (l.project_id = %(project_id)s OR l.agent_id = %(agent_id)s)
ORDER BY l.is_implicit, l.created_at DESC, l.id LIMIT %(limit)s
"""


def leases(
    *, project_id: uuid.UUID | None = None, agent_id: str | None = None
) -> list[dict[str, Any]]:
    """In a project, or of an agent: what was asked for before what edits took; newest first."""
    return rows(_LEASES, project_id=project_id, agent_id=agent_id, limit=MOST, excerpt=EXCERPT)


_CLAIMS = """
SELECT c.subtask_id, left(c.agent_id, 300) AS agent_id, c.claimed_at, c.expires_at,
       left(s.description, %(excerpt)s) AS description, s.status, r.project_id, r.id AS request_id
FROM projects_claim c JOIN projects_subtask s ON s.id = c.subtask_id
JOIN projects_task t ON t.id = s.task_id JOIN projects_request r ON r.id = t.request_id
WHERE c.expires_at > now() AND (r.project_id = %(project_id)s OR c.agent_id = %(agent_id)s)
ORDER BY c.claimed_at DESC, c.subtask_id LIMIT %(limit)s
"""


def claims(
    *, project_id: uuid.UUID | None = None, agent_id: str | None = None
) -> list[dict[str, Any]]:
    """Newest first."""
    return rows(_CLAIMS, project_id=project_id, agent_id=agent_id, limit=MOST, excerpt=EXCERPT)
