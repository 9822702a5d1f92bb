import shutil
from collections.abc import Iterator

import pytest

from tests.faults.figures import Measured
from tests.faults.fleet import Fleet, fleet_of
from tests.faults.redis import Redis
from tests.serve.serving import temporary_home


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Keeps a figure, by its name, for docs/reliability.md."""
    return lambda name, value: request.node.user_properties.append((name, value))


@pytest.fixture
def redis() -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with temporary_home() as folder:
        server = Redis(folder)
        yield server
        server.kill()


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """A server of two processes and one of one."""
    with fleet_of(["--workers", "2"], []) as fleet:
        yield fleet
