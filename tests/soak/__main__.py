"""`make soak`: a mixed load for minutes, and whether memory or lag grow with time."""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.soak.report import report
from tests.soak.run import soak

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks" / "soak.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak ARGS=", description=__doc__)
    parser.add_argument("--minutes", type=_minutes, default=5, help="0.5 to 60 (default: 5)")
    parser.add_argument(
        "--rate", type=_rate, default=100, help="calls a second, 1 to 500 (default: 100)"
    )
    parser.add_argument("--write", action="store_true", help="keep the report in docs/benchmarks")
    asked = parser.parse_args()
    found = asyncio.run(soak(seconds=60 * asked.minutes, rate=asked.rate))
    text = report(found)
    sys.stdout.write(text)
    if asked.write:
        REPORT.write_text(text)
    return 1 if found.faults() else 0


def _minutes(text: str) -> float:
    return _within(float(text), 0.5, 60)


def _rate(text: str) -> float:
    return _within(float(text), 1, 500)


def _within(number: float, least: float, most: float) -> float:
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{number:g} is not from {least:g} to {most:g}")
    return number


if __name__ == "__main__":
    sys.exit(main())
