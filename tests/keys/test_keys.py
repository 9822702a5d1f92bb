"""Keys over HTTP: what opens, what does not, and what is kept of them."""

import itertools
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from dcm.lib.keys.models import ApiKey
from dcm.lib.keys.ring import ring
from dcm.lib.keys.services import revoke_key
from dcm.lib.threads import in_thread
from tests.conftest import Api
from tests.contract.rest import error_of
from tests.keys.conftest import MakeKey

pytestmark = pytest.mark.usefixtures("production")

# One that runs on the event loop, and one in a thread.
PATHS = ["/api/routing/suggest?keywords=a", "/api/projects"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_a_key_opens_in_either_header(
    api: Api, make_key: MakeKey, path: str, header: str
) -> None:
    key = await make_key()
    given = f"Bearer {key.text}" if header == "Authorization" else key.text

    response = await api.get(path, headers={header: given})

    assert response.status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_no_key_opens_nothing(api: Api, make_key: MakeKey, path: str) -> None:
    key = await make_key()
    others = f"dcm_{key.key.id}_{'x' * 43}"

    for given in (
        "",
        "Bearer",
        others,
        f"dcm_zzzzzzzz_{'x' * 43}",
        key.key.id,
        "é",
        "\0",
        "x" * 9_000,
    ):
        response = await api.get(path, headers={b"X-API-Key": given.replace("\0", "0").encode()})

        assert error_of(response) == (401, "Unauthorized"), given
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", PATHS)
async def test_an_expired_key_opens_nothing(api: Api, make_key: MakeKey, path: str) -> None:
    key = await make_key(expires_at=timezone.now() - timedelta(seconds=1))

    response = await api.get(path, headers={"X-API-Key": key.text})

    assert response.status_code == 401


@pytest.mark.parametrize("path", PATHS)
async def test_a_revoked_key_opens_nothing_within_a_second(
    api: Api, make_key: MakeKey, path: str
) -> None:
    key = await make_key()
    assert (await api.get(path, headers={"X-API-Key": key.text})).status_code == 200

    await in_thread(revoke_key, key.key.id, by="the test")
    made_known = timezone.now() + timedelta(seconds=1)

    while (await api.get(path, headers={"X-API-Key": key.text})).status_code == 200:
        assert timezone.now() < made_known


async def test_only_a_digest_is_kept(make_key: MakeKey) -> None:
    key = await make_key()

    def row() -> Any:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT to_jsonb(k)::text FROM keys_apikey k WHERE id = %s", [key.key.id]
            )
            return cursor.fetchone()[0]

    assert key.text.rsplit("_", 1)[1] not in await in_thread(row)


async def test_many_requests_read_the_keys_few_times(
    api: Api, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await make_key()
    reads = itertools.count()
    look = ring._look
    monkeypatch.setattr(ring, "_look", lambda: (next(reads), look()))
    began = time.monotonic()

    for path in PATHS * 50:
        assert (await api.get(path, headers={"X-API-Key": key.text})).status_code == 200

    # At first, and then twice a second.
    assert 1 <= next(reads) <= 2 + 2 * (time.monotonic() - began)


async def test_a_use_is_noted(api: Api, make_key: MakeKey) -> None:
    key = await make_key()
    before = timezone.now()

    await api.get("/api/projects", headers={"X-API-Key": key.text})

    while (used := await in_thread(_last_use, key.key.id)) is None:
        assert timezone.now() - before < timedelta(seconds=5)
    assert used >= before


def _last_use(key_id: str) -> Any:
    return ApiKey.objects.values_list("last_used_at", flat=True).get(id=key_id)


async def test_the_shared_key_opens_beside_them(
    api: Api, make_key: MakeKey, settings: Settings
) -> None:
    settings.API_KEY = "k" * 32
    key = await make_key()

    for given in (settings.API_KEY, key.text):
        response = await api.get("/api/projects", headers={"Authorization": f"Bearer {given}"})
        assert response.status_code == 200


async def test_production_without_a_shared_key_lets_nobody_in_without_one(api: Api) -> None:
    for path in PATHS:
        assert (await api.get(path)).status_code == 401
    assert (await api.get("/health")).status_code == 200
