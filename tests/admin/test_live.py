"""The admin on the real server: a login form, a page, an action that a socket hears of."""

import re
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection

from sessions_app.models import Session
from tests.conftest import Api, Listen

PASSWORD = "correct horse"


@pytest.fixture
def superuser(database: None) -> Iterator[User]:
    yield User.objects.create_superuser("mia", password=PASSWORD)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_admin_log; DELETE FROM django_session")
    User.objects.all().delete()


async def submit(api: Api, address: str, **fields: str) -> str:
    """Fill in the form of this page; what follows."""
    page = await api.get(address, follow_redirects=True)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    answer = await api.post(
        page.url, data={"csrfmiddlewaretoken": token[1], **fields}, follow_redirects=True
    )
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_person_logs_in_exports_and_ends_a_session(
    api: Api, listen: Listen, superuser: User
) -> None:
    await sync_to_async(Session.objects.create)(id="s-1")
    listener = await listen("sessions/s-1")
    sessions = "/admin/sessions_app/session/"

    assert "<h1>Sessions</h1>" in await submit(
        api, sessions, username="mia", password=PASSWORD, next=sessions
    )
    exported = await submit(api, sessions, action="export_as_jsonl", _selected_action="s-1")
    assert '"id":"s-1"' in exported
    assert "1 session ended" in await submit(api, sessions, action="end", _selected_action="s-1")

    event = await listener.next_event("session.ended")
    assert event["data"]["id"] == "s-1"
