from pathlib import Path

import pytest

from tests.client.hooks import Hook, nowhere
from tests.conftest import Server


@pytest.fixture
def hook(server: Server, tmp_path: Path) -> Hook:
    """dcm-hook, pointed at the server."""
    return Hook(server.url, tmp_path / "spool")


@pytest.fixture
def lonely_hook(tmp_path: Path) -> Hook:
    """dcm-hook, pointed at a port on which nothing listens."""
    return Hook(nowhere(), tmp_path / "spool")
