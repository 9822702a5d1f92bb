"""Learning which tool suits which keyword. Contract: rest 6.2, 6.4."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from dcm.lib import wire
from dcm.lib.statements import execute
from routing.models import ProjectToolScore

CHOSEN, REJECTED = 0.2, -0.1


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One use of a tool, and the keywords of its input."""

    tool_name: str
    tool_type: str
    keywords: Sequence[str]
    success: bool
    used_at: datetime
    project_id: uuid.UUID | None = None


_LEARN = """
INSERT INTO {table} AS known
  ({whose}keyword, tool_name, tool_type, score, usage_count, success_count, last_used)
SELECT {project}keyword, tool_name, tool_type,
       least(5.0, greatest(0.1, 1.0 + (uses - 1) * CASE WHEN success THEN 0.1 ELSE -0.05 END)),
       uses, CASE WHEN success THEN uses ELSE 0 END, last_used
FROM json_to_recordset($1::json)
  AS run(keyword text, tool_name text, tool_type text, uses int, success bool,
         last_used timestamptz)
ON CONFLICT ({whose}keyword, tool_name) DO UPDATE SET
  tool_type = EXCLUDED.tool_type,
  score = least(5.0, greatest(0.1, known.score + 0.1 * EXCLUDED.success_count
                                   - 0.05 * (EXCLUDED.usage_count - EXCLUDED.success_count))),
  usage_count = known.usage_count + EXCLUDED.usage_count,
  success_count = known.success_count + EXCLUDED.success_count,
  last_used = EXCLUDED.last_used
"""
# A pair that is new starts at 1.0 with its first use, whatever came of it.
_LEARN_FOR_ALL = _LEARN.format(table="routing_keywordtoolscore", whose="", project="")
_LEARN_FOR_PROJECT = _LEARN.format(
    table="routing_projecttoolscore", whose="project_id, ", project="$2::uuid, "
)


def learn(uses: Iterable[ToolUse]) -> None:
    """Score every (keyword, tool) of these uses, as if they were learned one after another.

    Within a run of equal outcomes the order does not matter, so a run is one upsert; between runs
    it does, because scores are clamped. The n-th run of each pair goes into the n-th statement.
    Rows are taken in key order, and later statements only touch rows that the first has taken.
    """
    for rows in _rounds(uses):
        execute(_LEARN_FOR_ALL, rows)


def learn_for_projects(uses: Iterable[ToolUse]) -> None:
    """The same within the project of each use, if it has one.

    The caller holds the projects, so that none is deleted meanwhile.
    """
    by_project: dict[uuid.UUID, list[ToolUse]] = {}
    for use in uses:
        if use.project_id is not None:
            by_project.setdefault(use.project_id, []).append(use)
    for project_id, mine in sorted(by_project.items()):
        for rows in _rounds(mine):
            execute(_LEARN_FOR_PROJECT, rows, str(project_id))


def forget_project(project_id: uuid.UUID) -> None:
    """Delete what was learned in this project only; what all projects taught stays."""
    ProjectToolScore.objects.filter(project_id=project_id).delete()


Run = dict[str, Any]
"""Uses of one tool for one keyword, one after another, all with the same outcome."""


def _rounds(uses: Iterable[ToolUse]) -> list[str]:
    """The rows of each statement, as JSON: of each pair the n-th run in the n-th."""
    rounds: list[dict[tuple[str, str], Run]] = [{}]
    reached: dict[tuple[str, str], int] = {}
    for use in uses:
        last_used = use.used_at.isoformat()
        for keyword in use.keywords:
            pair = (keyword, use.tool_name)
            n = reached.get(pair, 0)
            run = rounds[n].get(pair)
            if run is not None and run["success"] != use.success:
                n = reached[pair] = n + 1
                rounds += [{}] if n == len(rounds) else []
                run = None
            rounds[n][pair] = {
                "keyword": keyword,
                "tool_name": use.tool_name,
                "tool_type": use.tool_type,
                "success": use.success,
                "uses": run["uses"] + 1 if run else 1,
                "last_used": last_used,
            }
    ordered = ([run for _, run in sorted(runs.items())] for runs in rounds if runs)
    return [wire.dump(rows).decode() for rows in ordered]


# In the order in which learn() takes rows, whatever the database's own collation.
_FEEDBACK = """
WITH mine AS (
  SELECT known.id, given.times
  FROM {table} known
  JOIN unnest(%s::text[], %s::int[]) AS given(keyword, times) USING (keyword)
  WHERE known.tool_name = %s {project}ORDER BY keyword COLLATE "C" FOR NO KEY UPDATE OF known
)
UPDATE {table} known
SET score = least(5.0, greatest(0.1, known.score + %s * mine.times)), last_used = now()
FROM mine WHERE known.id = mine.id
"""
_FEEDBACK_FOR_ALL = _FEEDBACK.format(table="routing_keywordtoolscore", project="")
_FEEDBACK_FOR_PROJECT = _FEEDBACK.format(
    table="routing_projecttoolscore", project="AND known.project_id = %s "
)


@transaction.atomic
def give_feedback(
    *,
    tool_name: str,
    keywords: Collection[str],
    chosen: bool,
    project_id: uuid.UUID | None = None,
) -> float:
    """Raise or lower the scores of a suggestion that was followed or not; returns by how much.

    A keyword given twice counts twice. Pairs that were never used stay unknown. project_id: where
    it was; the scores of that project move, too.
    """
    adjustment = CHOSEN if chosen else REJECTED
    times = Counter(keyword.lower() for keyword in keywords)
    with connection.cursor() as cursor:
        given: list[Any] = [list(times), list(times.values()), tool_name]
        cursor.execute(_FEEDBACK_FOR_ALL, [*given, adjustment])
        if project_id is not None:
            cursor.execute(_FEEDBACK_FOR_PROJECT, [*given, project_id, adjustment])
    return adjustment
