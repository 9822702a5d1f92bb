import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.serving import Serving, temporary_home


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A folder in which nothing has been made yet."""
    with temporary_home() as folder:
        yield folder / "home"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder that a server has used before."""
    with temporary_home() as folder:
        with Serving(folder) as serving:
            serving.stop(signal.SIGTERM)
        yield folder
