"""How often something may happen."""

import time

HEARTBEAT_SECONDS = 30


class Heartbeats:
    """One per agent and half minute, from this process. Contract: websocket W13."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def is_due(self, agent_id: str) -> bool:
        now = time.monotonic()
        if now - self._at.get(agent_id, float("-inf")) < HEARTBEAT_SECONDS:
            return False
        if len(self._at) > 10_000:  # agents that are long gone
            self._at.clear()
        self._at[agent_id] = now
        return True


heartbeats = Heartbeats()
