"""Which agents are there: an open socket holds them, or a call named them.

Contract: coordinator 10, row 7.
"""

import asyncio
import contextlib
import logging
from collections import Counter

from dcm.lib.errors import outliving
from dcm.lib.threads import in_thread
from sessions_app.services.coordinator import leave_absent_agents, renew_agents

logger = logging.getLogger("dcm.coordinator")

RENEW_SECONDS = 60.0


class Leases:
    """Of one server process. An agent may be held by several sockets."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._named: set[str] = set()
        self._sockets = 0
        self._renewing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """A socket has opened; while there is one, leases are renewed and absent agents leave."""
        self._sockets += 1
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    async def close(self, agent_ids: set[str]) -> None:
        """A socket that held these has closed."""
        for agent_id in agent_ids:
            self.let_go(agent_id)
        self._sockets -= 1
        if not self._sockets and self._renewing is not None:
            # Forgotten first: a socket that opens meanwhile needs another.
            renewing, self._renewing = self._renewing, None
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    def hold(self, agent_id: str) -> None:
        self._held[agent_id] += 1

    def let_go(self, agent_id: str) -> None:
        self._held[agent_id] -= 1
        if not self._held[agent_id]:
            del self._held[agent_id]

    def name(self, agent_id: str) -> None:
        """A call named this agent: it is there now, which says nothing about later."""
        self._named.add(agent_id)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            there, self._named = self._named.union(self._held), set()
            with outliving(logger, "agents could not be renewed"):
                await in_thread(renew_agents, there)
                await in_thread(leave_absent_agents)


leases = Leases()
