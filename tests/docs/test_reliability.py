"""Every promise has tests that there are, and the page says what the promises say."""

import ast
from pathlib import Path

import pytest

from tests.faults.promises import PROMISES, Promise
from tests.faults.report import DOCUMENT, link, row

TESTS = Path(__file__).parents[1]


def names_in(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions)}


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_a_promise_has_tests(promise: Promise) -> None:
    assert promise.tests
    for test in promise.tests:
        path, _, name = test.partition("::")
        assert name in names_in(TESTS / path), test


def test_every_fault_proves_a_promise() -> None:
    faults = {
        f"faults/{path.name}::{name}"
        for path in (TESTS / "faults").glob("test_*.py")
        for name in names_in(path)
        if name.startswith("test_")
    }

    assert faults <= {test for promise in PROMISES for test in promise.tests}


def test_promises_are_numbered_in_order() -> None:
    assert [promise.number for promise in PROMISES] == [*range(1, len(PROMISES) + 1)]


def test_the_page_has_every_promise_as_it_is() -> None:
    lines = DOCUMENT.read_text().splitlines()

    rows = [line for line in lines if line.startswith("| P")]
    assert len(rows) == len(PROMISES)
    for promise, line in zip(PROMISES, rows, strict=True):
        assert line.startswith(row(promise, {}).removesuffix(" |").rstrip()), promise.name
        assert all(link(test) in line for test in promise.tests)
