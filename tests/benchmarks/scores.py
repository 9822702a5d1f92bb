"""A million scores of tools for keywords, for benchmarks."""

import random
from typing import Any

import psycopg

KEYWORDS, TOOLS = 20_000, 50
PROJECT = "0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11"
_FILL = f"""
INSERT INTO routing_{{table}} ({{column}}keyword, tool_name, tool_type, score, usage_count,
                               success_count, last_used)
SELECT {{value}}'word' || k, 'Tool' || t, 'builtin', 0.1 + 4.9 * random(), 10, 7,
       now() - random() * interval '90 days'
FROM generate_series(1, {KEYWORDS}) k, generate_series(1, {TOOLS}) t
ORDER BY random()
"""


def fill_common_scores(link: "psycopg.Connection[Any]") -> None:
    """Those of all projects."""
    link.execute(_FILL.format(table="keywordtoolscore", column="", value=""))
    link.execute("VACUUM ANALYZE routing_keywordtoolscore")


def fill_scores_of_project(link: "psycopg.Connection[Any]") -> None:
    """As many of PROJECT."""
    project = {"column": "project_id, ", "value": f"'{PROJECT}'::uuid, "}
    link.execute(_FILL.format(table="projecttoolscore", **project))
    link.execute("VACUUM ANALYZE routing_projecttoolscore")


def words(count: int) -> list[str]:
    return [f"word{random.randint(1, KEYWORDS)}" for _ in range(count)]
