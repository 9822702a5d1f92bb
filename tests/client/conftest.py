from pathlib import Path

import pytest

from tests.client.commands import Dcm
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


@pytest.fixture
def dcm(server: Server, tmp_path: Path) -> Dcm:
    """The dcm command, pointed at the server."""
    return _dcm(server.url, tmp_path)


@pytest.fixture
def lonely_dcm(tmp_path: Path) -> Dcm:
    """The dcm command, pointed at a port on which nothing listens."""
    return _dcm(nowhere(), tmp_path)


def _dcm(url: str, folder: Path) -> Dcm:
    home, work = folder / "home", folder / "shop"
    home.mkdir()
    work.mkdir()
    return Dcm(url, home, work)
