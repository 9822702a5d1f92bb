"""Reading the scores. Contract: rest 5.7, 6.3."""

import uuid
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import connection

from dcm.lib.batcher import Batcher
from dcm.lib.json_rows import WIRE_TIME
from dcm.lib.statements import fetch_each

SUGGESTED = (
    *("tool_name", "tool_type", "score", "usage_count", "success_rate", "keyword_matches"),
    "explanation",  # last, and only when asked for
)
_SUGGEST = """
WITH matching AS (
  SELECT keyword, tool_name, tool_type, {score} AS score, usage_count, success_count, last_used
  FROM {table}
  WHERE keyword = ANY(%(keywords)s) {whose}
    AND (%(tool_type)s::text IS NULL OR tool_type = %(tool_type)s)
)
SELECT tool_name, tool_type, round(avg(score)::numeric, 3)::float8 AS score,
       sum(usage_count)::bigint AS usage_count,
       coalesce(round(100.0 * sum(success_count) / nullif(sum(usage_count), 0)), 0)::int
         AS success_rate,
       array_agg(DISTINCT keyword ORDER BY keyword) AS keyword_matches{explanation}
FROM matching WHERE score >= %(min_score)s
GROUP BY tool_name, tool_type
ORDER BY count(*) DESC, avg(score) DESC, sum(usage_count) DESC, tool_name
LIMIT %(limit)s
"""
# Towards 1.0, where every pair begins. least(): so small a power would be an error.
_DECAYED = """
1.0 + (score - 1.0) * power(0.5, least(1000.0, greatest(0.0,
  extract(epoch FROM now() - last_used)::float8 / 86400 / %(half_life_days)s)))
"""
# A query of its own, so that it is made only for the tools that are left after the limit.
_EXPLANATION = f""", (
  SELECT json_agg(json_build_object(
    'keyword', m.keyword, 'score', round(m.score::numeric, 3)::float8,
    'usage_count', m.usage_count,
    'success_rate', coalesce(round(100.0 * m.success_count / nullif(m.usage_count, 0)), 0)::int,
    'last_used', {WIRE_TIME.format("m.last_used")}
  ) ORDER BY m.score DESC, m.keyword)
  FROM matching m WHERE (m.tool_name, m.tool_type) = (matching.tool_name, matching.tool_type)
    AND m.score >= %(min_score)s
) AS explanation
"""  # noqa: S608  constants of ours


def suggest_tools(**options: Any) -> list[dict[str, Any]]:
    """Tools that did best for these keywords, best first; with a project, in that one.

    options: as of suggestion_query(). keywords: lower case. score: 0.1 to 5.0, three decimals.
    success_rate: whole percent, 0 when unused. With ROUTING_HALF_LIFE_DAYS scores are as old as
    their last use. Contract: rest 6.3.
    """
    return suggest_each([options])[0]


def suggest_each(wanted: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """suggest_tools() for each of these."""
    half_life = settings.ROUTING_HALF_LIFE_DAYS
    asked = (suggestion_query(half_life_days=half_life, **options) for options in wanted)
    found = fetch_each(asked, any_values=True)
    return [[dict(zip(SUGGESTED, row, strict=False)) for row in rows] for rows in found]


suggester: Batcher[dict[str, Any], list[dict[str, Any]]] = Batcher(suggest_each)
"""For the event loop: those that come at the same time travel together."""


def suggestion_query(
    *,
    keywords: Collection[str],
    limit: int = 10,
    min_score: float = 0.5,
    tool_type: str | None = None,
    project_id: uuid.UUID | str | None = None,
    explain: bool = False,
    half_life_days: int = 0,
) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters.

    explain: adds `explanation`, the figures of each keyword, best first. half_life_days: 0 for
    scores that do not age.
    """
    statement = _SUGGEST.format(
        table="routing_keywordtoolscore" if project_id is None else "routing_projecttoolscore",
        whose="" if project_id is None else "AND project_id = %(project_id)s",
        score=_DECAYED if half_life_days else "score",
        explanation=_EXPLANATION if explain else "",
    )
    return statement, {
        "keywords": list(keywords),
        "limit": limit,
        "min_score": min_score,
        "tool_type": tool_type,
        "project_id": project_id,
        "half_life_days": half_life_days,
    }


_TOTALS = """
SELECT count(*) AS total_records, count(DISTINCT keyword) AS unique_keywords,
       count(DISTINCT tool_name) AS unique_tools,
       coalesce(round(avg(score)::numeric, 3), 0)::float8 AS avg_score,
       coalesce(round(avg(usage_count), 1), 0)::float8 AS avg_usage
FROM routing_keywordtoolscore
"""
_TOP_BY_SCORE = """
SELECT tool_name, tool_type, round(avg(score)::numeric, 3)::float8 AS avg_score
FROM routing_keywordtoolscore GROUP BY 1, 2 ORDER BY avg(score) DESC, tool_name LIMIT 10
"""
_TOP_BY_USAGE = """
SELECT tool_name, tool_type, sum(usage_count)::bigint AS total_usage
FROM routing_keywordtoolscore GROUP BY 1, 2 ORDER BY 3 DESC, tool_name LIMIT 10
"""
_TYPES = """
SELECT tool_type, count(DISTINCT tool_name) AS tool_count
FROM routing_keywordtoolscore GROUP BY 1 ORDER BY 2 DESC, tool_type
"""


def routing_stats() -> dict[str, Any]:
    """Totals, the ten best and most used tools, and how many tools each type has."""
    return {
        "totals": _rows(_TOTALS)[0],
        "top_by_score": _rows(_TOP_BY_SCORE),
        "top_by_usage": _rows(_TOP_BY_USAGE),
        "type_distribution": _rows(_TYPES),
    }


def _rows(sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
