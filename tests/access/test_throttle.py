"""How often a key, an address and a name may ask."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from pytest_django.fixtures import Settings

from dcm.lib import throttle_login
from dcm.lib.keys import admission
from realtime import views
from tests.conftest import Api
from tests.contract.rest import error_of
from tests.keys.conftest import MakeKey

PATHS = ("/api/routing/suggest?keywords=a", "/api/projects")


@pytest.fixture(autouse=True)
def _full_buckets() -> Iterator[None]:
    yield
    admission._limit.cache_clear()
    views._pace.cache_clear()
    for limit in (throttle_login._of_name, throttle_login._of_address):
        for known in (limit._buckets, limit._in_hand, limit._closed_until):
            known.clear()
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.delete("dcm:", *client.keys("dcm:*"))


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("path", PATHS)
async def test_a_key_has_its_pace_and_others_have_theirs(
    api: Api, make_key: MakeKey, settings: Settings, path: str
) -> None:
    settings.RATE_LIMIT = 1
    one, other = (await make_key()).text, (await make_key()).text

    replies = [await api.get(path, headers={"X-API-Key": one}) for _ in range(12)]

    found = Counter(reply.status_code for reply in replies)
    assert found[200] >= 4
    assert found[429] >= 1
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert error_of(refused) == (429, "Too many requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert refused.headers["access-control-allow-origin"]
    assert (await api.get(path, headers={"X-API-Key": other})).status_code == 200
    async with asyncio.timeout(5):
        while (await api.get(path, headers={"X-API-Key": one})).status_code == 429:
            await asyncio.sleep(0.1)


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("path", PATHS)
async def test_guessing_keys_is_slow(
    api: Api, make_key: MakeKey, settings: Settings, path: str
) -> None:
    settings.RATE_LIMIT = 1
    key = (await make_key()).text

    codes = [(await api.get(path, headers={"X-API-Key": "x"})).status_code for _ in range(12)]

    assert codes[:4] == [401] * 4
    assert 429 in codes
    assert (await api.get(path, headers={"X-API-Key": key})).status_code == 200
    assert (await api.get("/health")).status_code == 200


@pytest.mark.usefixtures("production")
async def test_tokens_have_a_pace_of_their_own(
    api: Api, make_key: MakeKey, settings: Settings
) -> None:
    settings.TOKEN_RATE_LIMIT = 3
    one, other = [{"X-API-Key": (await make_key()).text} for _ in range(2)]
    asked = {"agent_id": "backend"}

    replies = [await api.post("/api/auth/token", json=asked, headers=one) for _ in range(5)]

    assert [reply.status_code for reply in replies] == [200] * 3 + [429] * 2
    assert error_of(replies[-1]) == (429, "Too many requests")
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 20
    assert (await api.get("/api/projects", headers=one)).status_code == 200
    assert (await api.post("/api/auth/token", json=asked, headers=other)).status_code == 200


async def test_in_development_there_is_no_limit(api: Api) -> None:
    codes = {(await api.get(PATHS[0])).status_code for _ in range(300)}

    assert codes == {200}


async def test_guessing_passwords_is_slow(api: Api) -> None:
    page = await api.get("/admin/login/")
    form = {"csrfmiddlewaretoken": page.cookies["csrftoken"], "username": "mia", "password": "x"}
    cookie = {"Cookie": f"csrftoken={page.cookies['csrftoken']}"}

    codes = [
        (await api.post("/admin/login/", data=form, headers=cookie)).status_code for _ in range(6)
    ]
    other = await api.post("/admin/login/", data=form | {"username": "eva"}, headers=cookie)

    assert codes == [200] * 5 + [429]
    assert other.status_code == 200
