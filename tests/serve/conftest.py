import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.serving import Serving, postgres_of


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A folder in which nothing has been made yet."""
    # Not pytest's own: as root PostgreSQL runs as another user, who may not enter those.
    outer = Path(tempfile.mkdtemp(prefix="dcm-serve-"))
    outer.chmod(0o711)
    yield outer / "home"
    end(outer)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder that a server has used before."""
    outer = Path(tempfile.mkdtemp(prefix="dcm-serve-"))
    outer.chmod(0o711)
    with Serving(outer) as serving:
        serving.stop(signal.SIGTERM)
    yield outer
    end(outer)


def end(folder: Path) -> None:
    for process in postgres_of(folder):
        process.kill()
    shutil.rmtree(folder)
