import shutil
from collections.abc import Iterator

import pytest

from tests.faults.redis import Redis
from tests.serve.serving import temporary_home


@pytest.fixture
def redis() -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with temporary_home() as folder:
        server = Redis(folder)
        yield server
        server.kill()
