"""`manage.py tail`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from dcm.lib.threads import in_thread
from tests.conftest import Api


def tail(*arguments: str) -> list[str]:
    output = StringIO()
    call_command("tail", "--once", *arguments, stdout=output, stderr=StringIO())
    return output.getvalue().splitlines()


async def test_it_shows_what_happened_since(api: Api) -> None:
    await api.post("/api/sessions", json={"id": "shown\x1b[31m"})

    lines = await in_thread(tail, "--since", "10m", "--channel", "global")

    assert "session.created" in lines[-1]
    assert "id=shown [31m" in lines[-1]
    assert "\x1b" not in lines[-1]


async def test_it_goes_on_after_an_event(api: Api) -> None:
    await api.post("/api/sessions", json={"id": "one"})
    last = json.loads((await in_thread(tail, "--since", "10m", "--json"))[-1])["id"]
    await api.post("/api/sessions", json={"id": "two"})

    lines = await in_thread(tail, "--after", last, "--json")

    assert [json.loads(line)["data"]["id"] for line in lines] == ["two"]


@pytest.mark.parametrize("arguments", [("--since", "x"), ("--channel", "bad")])
async def test_odd_arguments_are_refused(api: Api, arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        await in_thread(tail, *arguments)
