"""Wake-up hints: "the log has grown", nothing more. Losing one costs a second.

Who commits in a server process wakes its hub, which passes the hint on, one for all commits since
the last: through the Channels layer if that reaches other processes (REDIS_URL), else by NOTIFY.
A process without a hub, such as a management command, notifies PostgreSQL itself.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import connection

logger = logging.getLogger("dcm.realtime")

NOTIFY_CHANNEL = "dcm_hint"
GROUP = "dcm.hints"
LONGEST_SEND_SECONDS = 1.0
RETRY_SECONDS = 1.0

_listener: Callable[[], object] | None = None


def on_hint(listener: Callable[[], object] | None) -> None:
    """Name the function of this process that hears of its own commits.

    It is called in the thread that committed, so it must not wait.
    """
    global _listener
    _listener = listener


def send_hint() -> None:
    if _listener is not None:
        _listener()
        return
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {NOTIFY_CHANNEL}")


class LayerHints:
    """Hints between processes and machines over the channel layer.

    heard: called for each that arrives, our own included. A layer that is away costs nobody
    anything but the hints.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._untold = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @staticmethod
    def are_possible() -> bool:
        layer = get_channel_layer()
        return layer is not None and not isinstance(layer, InMemoryChannelLayer)

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._over_and_over(self._tell)),
            asyncio.create_task(self._over_and_over(self._listen)),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def tell(self) -> None:
        """Send a hint soon, unless one is about to go out anyway."""
        self._untold.set()

    async def _tell(self, layer: Any) -> None:
        await self._untold.wait()
        self._untold.clear()
        async with asyncio.timeout(LONGEST_SEND_SECONDS):
            await layer.group_send(GROUP, {"type": "hint"})

    async def _listen(self, layer: Any) -> None:
        name = await layer.new_channel()
        await layer.group_add(GROUP, name)
        while True:
            await layer.receive(name)
            self._heard()

    async def _over_and_over(self, work: Callable[[Any], Any]) -> None:
        while True:
            try:
                await work(get_channel_layer())
            except Exception as error:  # noqa: BLE001  whatever Redis says, the log goes on
                logger.warning("the channel layer fails, so the log is looked at: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
