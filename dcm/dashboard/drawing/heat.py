"""Keywords against tools, coloured by score."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LEAST, NEUTRAL, MOST = 0.1, 1.0, 5.0


@dataclass(frozen=True)
class Cell:
    """level: -2 (did badly) to 4 (did best), 0 where it began."""

    level: int
    score: float
    uses: int
    successes: int


@dataclass(frozen=True)
class Heat:
    """rows: (keyword, its cells in the order of the tools; None where it was never used)."""

    tools: list[str]
    rows: list[tuple[str, list[Cell | None]]]


def heat(scores: Iterable[Mapping[str, Any]]) -> Heat:
    """Keywords and tools in the order of their use."""
    cells: dict[str, dict[str, Cell]] = {}
    uses: dict[str, int] = {}
    for row in scores:
        tool = row["tool_name"]
        uses[tool] = row["tool_uses"]
        cell = Cell(level(row["score"]), row["score"], row["usage_count"], row["success_count"])
        cells.setdefault(row["keyword"], {})[tool] = cell
    tools = sorted(uses, key=lambda tool: (-uses[tool], tool))
    return Heat(tools, [(word, [own.get(tool) for tool in tools]) for word, own in cells.items()])


def level(score: float) -> int:
    if score < NEUTRAL:
        return -2 if score < (LEAST + NEUTRAL) / 2 else -1
    return min(4, round(4 * (score - NEUTRAL) / (MOST - NEUTRAL) + 0.3))
