"""`manage.py apikey`."""

import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from dcm.lib.keys.models import ApiKey
from projects.models import Project

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def apikey(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> str:
        call_command("apikey", *arguments)
        return capsys.readouterr().out.strip()

    return run


def test_a_key_is_shown_once(apikey: Any) -> None:
    key = apikey("create", "laptop of mia")

    assert re.fullmatch("dcm_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}", key)
    listed = apikey("list")
    assert "laptop of mia" in listed
    assert key.split("_")[1] in listed
    assert key.split("_")[2] not in listed + apikey("list", "--json")


def test_a_key_says_what_it_may_reach(apikey: Any) -> None:
    arguments = ["-p", "/srv/shop/", "-p", "/srv/bank", "--agent", "web-*", "--expires", "30d"]

    made = json.loads(apikey("create", "ci", "--scope", "operator", *arguments, "--json"))

    key = ApiKey.objects.get(id=made["id"])
    paths = Project.objects.filter(id__in=key.projects or []).values_list("path", flat=True)
    assert set(paths) == {"/srv/shop", "/srv/bank"}
    assert (key.agents, key.scope) == (["web-*"], "operator")
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days in (29, 30)
    assert made["key"].startswith(f"dcm_{key.id}_")


def test_revoking_is_kept_on_record_and_may_be_repeated(apikey: Any) -> None:
    made = json.loads(apikey("create", "old", "--json"))

    assert apikey("revoke", made["id"]) == f"Revoked {made['id']} (old)"
    first = ApiKey.objects.get(id=made["id"])
    apikey("revoke", made["id"])

    again = ApiKey.objects.get(id=made["id"])
    assert first.revoked_at == again.revoked_at is not None
    assert "command line" in str(again.revoked_by)
    assert json.loads(apikey("list", "--json"))[0]["state"] == "revoked"


def test_a_key_that_is_not_there_cannot_be_revoked(apikey: Any) -> None:
    with pytest.raises(CommandError, match="API key not found"):
        apikey("revoke", "nothing0")


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        ["create", ""],
        ["create", "a\0b"],
        ["create", "x" * 201],
        ["create", "a", "--expires", "soon"],
        ["create", "a", "--expires", "0d"],
        ["create", "a", "--expires", "999999d"],
        ["create", "a", "--scope", "root"],
        ["create", "a", "--project", ""],
        ["revoke"],
        [],
    ],
)
def test_what_makes_no_sense_is_refused(apikey: Any, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        apikey(*arguments)

    assert not ApiKey.objects.exists()
