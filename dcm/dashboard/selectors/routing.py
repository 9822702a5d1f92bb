"""Which tool did well for which keyword, as a map."""

from typing import Any

from dcm.dashboard.selectors.rows import rows

KEYWORDS, TOOLS = 28, 14

_MAP = """
WITH keywords AS (
  SELECT keyword, sum(usage_count) AS uses FROM routing_keywordtoolscore
  GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(keywords)s
), tools AS (
  SELECT tool_name, sum(usage_count) AS uses FROM routing_keywordtoolscore
  GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(tools)s
)
SELECT k.keyword, t.tool_name, s.score, s.usage_count, s.success_count, k.uses AS keyword_uses,
       t.uses AS tool_uses
FROM routing_keywordtoolscore s
JOIN keywords k ON k.keyword = s.keyword JOIN tools t ON t.tool_name = s.tool_name
ORDER BY k.uses DESC, k.keyword, t.uses DESC, t.tool_name
"""


def scores() -> list[dict[str, Any]]:
    """Of the keywords and tools that were used most, every pair that was ever seen."""
    return rows(_MAP, keywords=KEYWORDS, tools=TOOLS)


_WHY = """
SELECT keyword, tool_name, score, usage_count, success_count FROM routing_keywordtoolscore
WHERE keyword = ANY(%(keywords)s) AND tool_name = ANY(%(tools)s) ORDER BY score DESC, keyword
"""


def reasons(keywords: list[str], tools: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Of each tool the scores that a suggestion for these keywords rests on."""
    found: dict[str, list[dict[str, Any]]] = {tool: [] for tool in tools}
    for row in rows(_WHY, keywords=keywords, tools=tools):
        found[row["tool_name"]].append(row)
    return found
