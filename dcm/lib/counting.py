"""Counts of many rows, made once in a while for everybody together.

PostgreSQL counts row by row, and counters of our own would cost every write.
"""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

MANY = 20_000
LEAST_SECONDS = 1.0
TIMES = 20
"""So much longer than it takes is a count kept: a twentieth of the time goes into counting."""


class Counted(Generic[T]):
    """Call it for what `count` found, which also returns how many rows it counted.

    After more than MANY rows that is kept for a second at least, and TIMES as long as counting
    took. Fewer are counted anew for each call.
    """

    def __init__(self, count: Callable[[], tuple[T, int]]) -> None:
        self._count = count
        self._kept: T | None = None
        self._until = float("-inf")

    def __call__(self) -> T:
        began = time.monotonic()
        if self._kept is not None and began < self._until:
            return self._kept
        found, rows = self._count()
        self._kept = found if rows > MANY else None
        now = time.monotonic()
        self._until = now + max(LEAST_SECONDS, TIMES * (now - began))
        return found
