"""Two servers on one database: a key works at both at once, and at neither once it is revoked."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.serving import Serving, database_url, manage, temporary_home

PRODUCTION = {"DCM_ENV": "production", "WS_AUTH_SECRET": "w" * 32}
PATHS = ("/api/projects", "/api/routing/suggest?keywords=a")


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


def test_revoking_is_felt_by_every_server_within_a_second(home: Path) -> None:
    with (
        Serving(home, **PRODUCTION, DCM_API_KEY="k" * 32) as one,
        temporary_home() as elsewhere,
        Serving(
            elsewhere, **PRODUCTION, DCM_API_KEY="k" * 32, DATABASE_URL=database_url(home)
        ) as two,
    ):
        made = json.loads(manage(home, "apikey", "create", "ci", "--json").stdout)
        bring = {"X-API-Key": made["key"]}
        for serving in (one, two):
            for path in PATHS:
                assert serving.http.get(path, headers=bring).status_code == 200

        assert manage(home, "apikey", "revoke", made["id"]).returncode == 0
        time.sleep(1)

        for serving in (one, two):
            for path in PATHS:
                assert serving.http.get(path, headers=bring).status_code == 401


def test_production_does_not_start_without_any_key(home: Path) -> None:
    with Serving(home) as serving:
        url = database_url(home)
        done = manage(home / "other", "serve", **PRODUCTION, DATABASE_URL=url)
        assert done.returncode == 1
        assert "DCM_API_KEY" in done.stderr
        assert "apikey create" in done.stderr

        manage(home, "apikey", "create", "first")
        with Serving(home / "other", **PRODUCTION, DATABASE_URL=url) as second:
            assert second.http.get("/api/projects").status_code == 401
        assert serving.http.get("/api/projects").status_code == 200
