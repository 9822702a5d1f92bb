"""How often somebody may ask: token buckets, shared by Redis when there is one.

With Redis a process takes tokens in small handfuls, so that few requests wait for it: all processes
together may overshoot by a handful each. Without Redis, or while it is away, each process counts by
itself.
"""

import logging
import math
import time
from typing import Any

from django.conf import settings

from dcm.lib.errors import DomainError

logger = logging.getLogger("dcm.throttle")

MOST_NAMES = 10_000
REDIS_SECONDS = 0.2
AWAY_SECONDS = 5.0
HANDFULS_PER_SECOND = 20


class TooFast(DomainError):
    message = "Too many requests"
    status = 429

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(1, math.ceil(seconds))
        super().__init__(None, message=f"Try again in {self.retry_after} s")


class Bucket:
    """`burst` at once, then `rate` per second."""

    def __init__(self, *, rate: float, burst: float) -> None:
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

    @property
    def seconds_to_next(self) -> float:
        return max(0.0, (1 - self._left) / self._rate)


class Limit:
    """One kind of limit: a bucket for each name. Names that have not asked for long are forgotten.

    take_fast() never waits; take() may ask Redis, so it belongs in a thread.
    """

    def __init__(self, kind: str, *, rate: float, burst: float) -> None:
        self._kind = kind
        self._rate = rate
        self._burst = burst
        self._handful = max(1, math.ceil(rate / HANDFULS_PER_SECOND))
        self._buckets: dict[str, Bucket] = {}
        self._in_hand: dict[str, int] = {}
        self._closed_until: dict[str, float] = {}

    def take_fast(self, name: str) -> bool:
        """False when take() has to be asked. Raises TooFast."""
        if not settings.REDIS_URL or _redis.is_away:
            bucket = self._bucket(name)
            if not bucket.take():
                raise TooFast(bucket.seconds_to_next)
            return True
        left = self._in_hand.get(name, 0)
        if left:
            self._in_hand[name] = left - 1
            return True
        seconds = self._closed_until.get(name, 0.0) - time.monotonic()
        if seconds > 0:
            raise TooFast(seconds)
        return False

    def take(self, name: str) -> None:
        """Raises TooFast."""
        if self.take_fast(name):
            return
        taken = _redis.take(f"dcm:{self._kind}:{name}", self._rate, self._burst, self._handful)
        if taken is None:
            self.take(name)
            return
        granted, seconds = taken
        if not granted:
            _forget_most(self._closed_until)
            self._closed_until[name] = time.monotonic() + seconds
            raise TooFast(seconds)
        _forget_most(self._in_hand)
        self._in_hand[name] = self._in_hand.get(name, 0) + granted - 1

    def _bucket(self, name: str) -> Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            _forget_most(self._buckets)
            bucket = self._buckets[name] = Bucket(rate=self._rate, burst=self._burst)
        return bucket


def _forget_most(names: dict[str, Any]) -> None:
    """Room for others: the older half goes, and begins anew with a full bucket."""
    if len(names) >= MOST_NAMES:
        for name in list(names)[: MOST_NAMES // 2]:
            del names[name]


# One round trip, and the clock is that of Redis.
_TAKE = """
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local found = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = math.min(burst, (tonumber(found[1]) or burst)
                             + math.max(0, now - (tonumber(found[2]) or now)) * rate)
local granted = math.min(wanted, math.floor(left))
redis.call('HSET', KEYS[1], 'left', left - granted, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return {granted, tostring((1 - left) / rate)}
"""


class _Redis:
    def __init__(self) -> None:
        self._client: Any = None
        self._url = ""
        self._away_until = 0.0

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def take(self, name: str, rate: float, burst: float, wanted: int) -> tuple[int, float] | None:
        """How many were granted; for none, in how many seconds there is one. None: no answer."""
        import redis

        try:
            granted, seconds = self._connected()(keys=[name], args=[rate, burst, wanted])
        except redis.RedisError as error:
            logger.warning("Redis does not count requests, so each process does: %s", error)
            self._away_until = time.monotonic() + AWAY_SECONDS
            return None
        return int(granted), float(seconds)

    def _connected(self) -> Any:
        import redis

        if self._client is None or self._url != settings.REDIS_URL:
            self._url = settings.REDIS_URL
            client = redis.Redis.from_url(
                self._url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
            )
            self._client = client.register_script(_TAKE)
        return self._client


_redis = _Redis()
