from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from realtime.models import EventHead, LoggedEvent

As = Callable[..., Client]
Announced = Callable[[], list[tuple[str, Any]]]


@pytest.fixture
def login(database: None) -> Iterator[As]:
    """`login("operator")`: the browser of somebody in that group; of a superuser without one."""

    def browser(group: str | None = None) -> Client:
        user = User.objects.create_user(
            f"mia-{group}", password="secret", is_staff=True, is_superuser=group is None
        )
        if group is not None:
            user.groups.add(Group.objects.get(name=group))
        client = Client(headers={"host": "localhost"})
        client.force_login(user)
        return client

    yield browser
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_admin_log; DELETE FROM django_session")
    User.objects.all().delete()


@pytest.fixture
def browser(login: As) -> Client:
    """That of a superuser."""
    return login()


@pytest.fixture
def announced(database: None) -> Announced:
    """What was added to the event log since the test began: types and data."""
    start = EventHead.objects.values_list("seq", flat=True).first() or 0

    def since() -> list[tuple[str, Any]]:
        events = LoggedEvent.objects.filter(seq__gt=start).order_by("seq")
        return [(event.type, event.data) for event in events]

    return since
