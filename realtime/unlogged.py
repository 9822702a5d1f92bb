"""Values that the next tick replaces: they pass the log by, and may be missed."""

import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from django.db import connection

from dcm.lib import wire

NOTIFY_CHANNEL = "dcm_unlogged"
LARGEST_BYTES = 7_900  # a notification holds 8,000

snapshots: dict[str, Callable[[], tuple[str, Any]]] = {}
"""Channel -> function that gives (event, data) for somebody who has just subscribed."""


class Passing(NamedTuple):
    """A value on its way to all who listen."""

    channel: str
    event: str
    data: Any


def tell(passing: Passing) -> None:
    """To the subscribers of the channel at all server processes; dropped when it is too large."""
    payload = wire.dump(passing._asdict())
    if len(payload) <= LARGEST_BYTES:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [NOTIFY_CHANNEL, payload.decode()])


def read(payload: str) -> Passing:
    return Passing(**orjson.loads(payload))


def message(passing: Passing) -> dict[str, Any]:
    """The ASGI message with the event frame."""
    now = time.time_ns() // 1_000_000
    number = f"{random.randrange(36**4):06x}"  # noqa: S311  no secret
    frame = {"type": "event", "id": f"msg_{now}_{number}", **passing._asdict(), "timestamp": now}
    return {"type": "websocket.send", "text": wire.dump(frame).decode()}
