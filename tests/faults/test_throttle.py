"""A pace that several servers share by Redis, and that outlives it."""

import shutil
from pathlib import Path

import pytest

from tests.faults.redis import Redis
from tests.serve.serving import Serving, database_url, temporary_home

KEY = "k" * 32
RATE, BURST = 10, 40
PRODUCTION = {
    "DCM_ENV": "production",
    "WS_AUTH_SECRET": "w" * 32,
    "DCM_API_KEY": KEY,
    "RATE_LIMIT": str(RATE),
}
PATHS = ("/api/projects", "/api/routing/suggest?keywords=a")


def codes(serving: Serving, times: int) -> list[int]:
    bring = {"X-API-Key": KEY}
    return [serving.http.get(PATHS[n % 2], headers=bring).status_code for n in range(times)]


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_servers_share_the_pace_of_a_key(tmp_path: Path) -> None:
    redis = Redis(tmp_path)
    shared = {**PRODUCTION, "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
    try:
        with (
            temporary_home() as home,
            Serving(home, **shared) as one,
            temporary_home() as elsewhere,
            Serving(elsewhere, **shared, DATABASE_URL=database_url(home)) as two,
        ):
            # Each alone would let all of these through.
            found = codes(one, BURST) + codes(two, BURST)
            assert found.count(429) > 0
            assert found.count(200) >= BURST
            assert set(found) == {200, 429}

            redis.kill()
            assert 200 in codes(one, 5)
    finally:
        redis.kill()
