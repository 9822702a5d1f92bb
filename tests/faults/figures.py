"""What tests measured, kept with their outcomes: a pytest plugin for tests.faults.report.

With `-p tests.faults.figures` and DCM_TEST_FIGURES=<file> that file gets, as JSON, for each test
that ran, without its parameters, {"outcome": "passed", "seconds": 1.2, "figures": {name: value}}.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Measured = Callable[[str, object], None]
_found: dict[str, dict[str, Any]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    test = report.nodeid.partition("[")[0]
    found = _found.setdefault(test, {"outcome": "passed", "seconds": 0.0, "figures": {}})
    found["seconds"] += report.duration
    if report.outcome != "passed":
        found["outcome"] = report.outcome
    if report.when == "call":
        found["figures"].update(report.user_properties)


def pytest_sessionfinish() -> None:
    if file := os.environ.get("DCM_TEST_FIGURES"):
        Path(file).write_text(json.dumps(_found))
