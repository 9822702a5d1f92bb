"""The record of administrative acts: what is in it, by whom, and what is not."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from dcm.lib.keys.services import revoke_key
from dcm.lib.threads import in_thread
from tests.admin.rows import list_of
from tests.conftest import Api
from tests.factories import make_message, make_project
from tests.keys.conftest import MakeKey

pytestmark = pytest.mark.usefixtures("server")


def entries() -> list[Any]:
    printed = io.StringIO()
    call_command("audit", "--json", stdout=printed)
    return [json.loads(line) for line in printed.getvalue().splitlines()]


def acts() -> list[tuple[str, str, str]]:
    return [(each["act"], each["by"], each["about"]) for each in entries()]


async def test_keys_made_and_revoked(make_key: MakeKey) -> None:
    key = await make_key(name="ci")
    await in_thread(revoke_key, key.key.id, by="mia")
    await in_thread(revoke_key, key.key.id, by="eva")  # changes nothing

    assert await in_thread(acts) == [
        ("apikey.create", "the test", key.key.id),
        ("apikey.revoke", "mia", key.key.id),
    ]
    assert all(key.text not in str(each) for each in await in_thread(entries))


async def test_what_takes_an_operator_key(api: Api, make_key: MakeKey, production: None) -> None:
    operator = await make_key(scope="operator")
    bring = {"X-API-Key": operator.text}
    project = await in_thread(make_project)

    await api.get("/api/events", headers=bring)
    unknown = await api.delete(f"/api/projects/{operator.key.id}", headers=bring)
    deleted = await api.delete(f"/api/projects/{project.id}", headers=bring)

    assert (unknown.status_code, deleted.status_code) == (400, 204)
    assert (await in_thread(acts))[1:] == [
        ("api.DELETE", f"key {operator.key.id}", f"/api/projects/{project.id}")
    ]


def test_changes_in_the_admin(browser: Client) -> None:
    message = make_message()
    chosen = {"action": "expire", "_selected_action": [str(message.pk)]}

    browser.post(list_of(type(message)), chosen)
    form = {"username": "eva", "password1": "aB3!xyzw-q", "password2": "aB3!xyzw-q"}
    browser.post("/admin/auth/user/add/", {**form, "usable_password": "true"})
    eva = User.objects.get(username="eva")
    browser.post(f"/admin/auth/user/{eva.pk}/delete/", {"post": "yes"})

    assert acts() == [
        ("admin.change", "admin mia-None", f"messaging.message {message.pk}"),
        ("admin.add", "admin mia-None", f"auth.user {eva.pk}"),
        ("admin.delete", "admin mia-None", f"auth.user {eva.pk}"),
    ]


def test_cleanup_by_hand_that_deleted_something() -> None:
    call_command("cleanup", stdout=io.StringIO())
    make_message(expires_in=timedelta(seconds=-1))
    call_command("cleanup", "--dry-run", stdout=io.StringIO())
    assert acts() == []

    call_command("cleanup", stdout=io.StringIO())

    (entry,) = entries()
    assert (entry["act"], entry["details"]) == ("cleanup", {"messages": 1})
    assert "command line" in entry["by"]
