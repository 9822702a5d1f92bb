"""How often something may happen."""

import time

HEARTBEAT_SECONDS = 30


class Bucket:
    """`burst` at once, then `rate` per second."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Whether there was one left."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


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
