"""Where reports are kept: as Markdown for people, and its tables as JSON for programs."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).parents[2] / "docs" / "benchmarks"


def keep(subject: str, report: str) -> None:
    (REPORTS / f"{subject}.md").write_text(report)
    facts = {"report": report.splitlines()[0].lstrip("# "), "tables": tables_of(report)}
    (REPORTS / f"{subject}.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def tables_of(report: str) -> list[list[dict[str, Any]]]:
    """Each table as its rows, by column; what reads as a number is one."""
    tables = []
    for is_table, lines in groupby(report.splitlines(), lambda line: line.startswith("|")):
        if is_table:
            names, _, *rows = [_cells(line) for line in lines]
            tables.append([dict(zip(names, map(_value, row), strict=True)) for row in rows])
    return tables


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("*") for cell in line.strip("|").split("|")]


def _value(cell: str) -> Any:
    try:
        return float(cell.replace(",", ""))
    except ValueError:
        return cell
