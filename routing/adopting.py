"""Scores that another service learned. Of a pair known here the row that was used more stays."""

from dcm.lib.adopting import Adoption

SCORES = Adoption(
    table="routing_keywordtoolscore",
    columns={
        "keyword": "text",
        "tool_name": "text",
        "tool_type": "text",
        "score": "float8",
        "usage_count": "int",
        "success_count": "int",
        "last_used": "timestamptz",
    },
    unique=(("keyword", "tool_name"),),
    conflict="""(keyword, tool_name) DO UPDATE SET
      tool_type = EXCLUDED.tool_type, score = EXCLUDED.score, usage_count = EXCLUDED.usage_count,
      success_count = EXCLUDED.success_count, last_used = EXCLUDED.last_used
      WHERE known.usage_count < EXCLUDED.usage_count""",
)
