from collections.abc import Iterator

import pytest

from tests.imports.original import Original, fill, original


@pytest.fixture
def small(database: None) -> Iterator[Original]:
    """An empty database of the original."""
    with original("original") as opened:
        yield opened


@pytest.fixture(scope="package")
def large(database: None) -> Iterator[Original]:
    """One of 100,000 rows."""
    with original("large") as opened:
        fill(opened)
        yield opened
