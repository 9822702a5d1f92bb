import time
from collections.abc import Iterator

import pytest

from realtime.fanout import hub
from realtime.models import EventHead

PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def hub_at_the_head(database: None) -> Iterator[None]:
    """Tests prune the log or begin it anew: the hub would close the next one's sockets."""
    yield
    deadline = time.monotonic() + PATIENCE_SECONDS
    while hub.following and (hub.epoch, hub.position) != _head():
        assert time.monotonic() < deadline, (hub.epoch, hub.position, _head())
        time.sleep(0.01)


def _head() -> tuple[str, int]:
    head = EventHead.objects.get()
    return head.epoch, head.seq
