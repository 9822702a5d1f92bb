"""The table of docs/reliability.md: promises, how they are kept, their tests, what these measured.

`make reliability` (`python -m tests.faults.report --write`) runs the tests and writes it anew.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import machine
from tests.faults.promises import PROMISES, Promise

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"
Findings = dict[str, dict[str, Any]]

MARK = "<!-- From here on written by `make reliability`. -->\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.report", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)}")
    asked = parser.parse_args()
    before = os.getloadavg()[0]
    findings, code = run()
    text = table(findings, load=(before, os.getloadavg()[0]))
    if asked.write and not code:
        prose, mark, _ = DOCUMENT.read_text().partition(MARK)
        DOCUMENT.write_text(prose + mark + text)
    else:
        sys.stdout.write(text)
    return code


def run() -> tuple[Findings, int]:
    """What the tests of all promises measured, and pytest's exit code."""
    tests = sorted({test for promise in PROMISES for test in promise.tests})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        code = subprocess.call(
            [
                *(sys.executable, "-m", "pytest", "-p", "tests.faults.figures"),
                *(f"tests/{test}" for test in tests),
            ],
            cwd=ROOT,
            env={**os.environ, "DCM_TEST_FIGURES": str(file), "DCM_TEST_NO_SKIP": "1"},
        )
        return json.loads(file.read_text()), code


def table(findings: Findings, *, load: tuple[float, float]) -> str:
    """load: the machine's load average before and after."""
    return "\n".join(
        [
            "",
            f"Measured on {machine()}, load average {load[0]:.1f} before and {load[1]:.1f} after.",
            "",
            "| | Promise | Mechanism | Test | Measured |",
            "|---|---|---|---|---|",
            *(row(promise, findings) for promise in PROMISES),
            "",
        ]
    )


def row(promise: Promise, findings: Findings) -> str:
    tests = "<br>".join(link(test) for test in promise.tests)
    measured = "<br>".join(
        figures(findings[f"tests/{test}"]) for test in promise.tests if f"tests/{test}" in findings
    )
    return f"| {promise.name} | {promise.text} | {promise.mechanism} | {tests} | {measured} |"


def link(test: str) -> str:
    """As Markdown: the words of the test's name, to its file."""
    path, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../tests/{path})"


def figures(found: dict[str, Any]) -> str:
    """Those of one test, or how long it took."""
    said = [f"{name}: {_text(value)}" for name, value in found["figures"].items()]
    return "; ".join(said) or f"{found['outcome']} in {found['seconds']:.1f} s"


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
