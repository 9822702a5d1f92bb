"""Every route and method, asked by every kind of caller. A route without a rule fails here."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from dcm.access import RULES, Rule
from dcm.lib.keys.services import revoke_key
from dcm.lib.threads import in_thread
from dcm.openapi_document import document, operations
from tests.conftest import Api
from tests.factories import make_project
from tests.keys.conftest import MakeKey

UNKNOWN = "00000000-0000-4000-8000-000000000000"
PAGES = ["/", "/admin/", "/admin/projects/project/"]
OPEN_PAGES = ["/admin/login/", "/api/docs", "/api/docs/redoc", "/static/dashboard/dashboard.css"]
LET_IN, NO_KEY, REFUSED = "let in", 401, 403

Expectation = Callable[[Rule], object]


def routes() -> Iterator[tuple[str, str, Rule | None]]:
    """Method, path and rule of everything that the API document describes."""
    for path, method, _ in operations(document()):
        name = f"{method.upper()} {path}"
        keyed = name.replace("{id}", "{pk}")
        yield method.upper(), path, RULES.get(keyed)


def outcome(status: int) -> object:
    return status if status in (401, 403) else LET_IN


def only_open(rule: Rule) -> object:
    return LET_IN if rule.scope == "open" else NO_KEY


def for_agents(rule: Rule) -> object:
    return REFUSED if rule.scope == "operator" else LET_IN


def within_a_project(rule: Rule) -> object:
    if rule.scope == "open":
        return LET_IN
    # An empty body names no project that a new row could belong to.
    refused = rule.scope == "operator" or rule.reach == "all" or rule.belongs_by
    return REFUSED if refused and not rule.each else LET_IN


async def ask_all(api: Api, expected: Expectation, headers: dict[str, str]) -> None:
    found, wanted = {}, {}
    for method, path, rule in routes():
        assert rule is not None, f"{method} {path} has no rule in dcm/access.py"
        url = _filled(path)
        body: Any = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
        response = await api.request(method, url, headers=headers, **body)
        assert response.status_code < 500, (method, url, response.text)
        found[f"{method} {path}"] = outcome(response.status_code)
        wanted[f"{method} {path}"] = expected(rule)
    assert found == wanted


def _filled(path: str) -> str:
    return "/".join(UNKNOWN if part.startswith("{") else part for part in path.split("/"))


def test_every_rule_is_of_a_route() -> None:
    there = {f"{method} {path}".replace("{id}", "{pk}") for method, path, _ in routes()}

    assert set(RULES) == there


async def test_in_development_everybody_may_do_everything(api: Api) -> None:
    await ask_all(api, lambda rule: LET_IN, {})
    for path in PAGES[:1] + OPEN_PAGES:
        assert (await api.get(path)).status_code == 200


@pytest.mark.usefixtures("production")
async def test_without_a_key_only_health_is_open(api: Api) -> None:
    await ask_all(api, only_open, {})
    for path in PAGES:
        assert (await api.get(path)).status_code == 302
    for path in OPEN_PAGES:
        assert (await api.get(path)).status_code == 200


@pytest.mark.usefixtures("production")
async def test_an_agent_key_does_what_agents_do(api: Api, make_key: MakeKey) -> None:
    key = await make_key(scope="agent")

    await ask_all(api, for_agents, {"X-API-Key": key.text})


@pytest.mark.usefixtures("production")
async def test_an_operator_key_does_everything(api: Api, make_key: MakeKey) -> None:
    key = await make_key(scope="operator")

    await ask_all(api, lambda rule: LET_IN, {"X-API-Key": key.text})


@pytest.mark.usefixtures("production")
async def test_the_shared_key_is_an_operator_key(api: Api, settings: Settings) -> None:
    settings.API_KEY = "k" * 32

    await ask_all(api, lambda rule: LET_IN, {"Authorization": f"Bearer {settings.API_KEY}"})


@pytest.mark.usefixtures("production")
async def test_a_key_of_a_project_does_not_reach_what_is_about_all(
    api: Api, make_key: MakeKey
) -> None:
    project = await in_thread(make_project)
    key = await make_key(projects=[project.id])

    await ask_all(api, within_a_project, {"X-API-Key": key.text})


@pytest.mark.usefixtures("production")
async def test_revoked_and_expired_keys_are_no_keys(api: Api, make_key: MakeKey) -> None:
    revoked = await make_key(scope="operator")
    await in_thread(revoke_key, revoked.key.id, by="the test")
    expired = await make_key(scope="operator", expires_at=timezone.now() - timedelta(seconds=1))

    for key in (revoked, expired):
        await ask_all(api, only_open, {"X-API-Key": key.text})


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("group", ["operator", "maintainer"])
async def test_a_login_opens_pages_and_nothing_else(api: Api, group: str) -> None:
    cookie = await in_thread(_log_in, group)
    try:
        await ask_all(api, only_open, {"Cookie": cookie})
        for path in PAGES:
            assert (await api.get(path, headers={"Cookie": cookie})).status_code == 200
    finally:
        await in_thread(User.objects.all().delete)


def _log_in(group: str) -> str:
    user = User.objects.create_user(f"mia-{group}", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"
