from collections.abc import Iterator

import pytest

from tests.conftest import Server
from tests.serve.serving import Serving, temporary_home
from tests.trpc.servers import another_server


@pytest.fixture(scope="module")
def serving(server: Server) -> Iterator[Serving]:
    """A server process of its own, on the suite's database."""
    with temporary_home() as home, another_server(home) as running:
        yield running


@pytest.fixture
def url(serving: Serving) -> str:
    return f"http://127.0.0.1:{serving.port('PORT')}"


@pytest.fixture
def ws_url(serving: Serving) -> str:
    return f"ws://127.0.0.1:{serving.port('WS_PORT')}"
