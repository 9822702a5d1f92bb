"""In which order agents stand, and how messages read where they are found."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from messaging.models import Block
from tests.factories import make_action, make_message, make_subtask


@pytest.fixture
def browser(database: None) -> Client:
    return Client(headers={"host": "localhost"})


def text_of(browser: Client, address: str) -> str:
    page = browser.get(address).content.decode()
    return " ".join(re.sub("<[^>]+>", " ", page.split("<main")[1]).split())


def test_agents_at_work_stand_first_and_then_who_was_seen_last(browser: Client) -> None:
    now = timezone.now()
    for agent_id, minutes in (("early", 50), ("late", 10), ("middle", 30)):
        then = now - timedelta(minutes=minutes)
        moments: dict[str, Any] = {"created_at": then, "started_at": then, "completed_at": then}
        make_subtask(agent_id=agent_id, status="completed", **moments)
    then = now - timedelta(hours=2)
    working = make_subtask(agent_id="zoe", status="running", created_at=then, started_at=then)
    make_action(subtask=working, created_at=now - timedelta(hours=1))
    Block.objects.create(blocked_by="zoe", blocked_agent="middle")

    page = text_of(browser, "/agents").split("Works on")[1]

    names = ("middle", "zoe", "late", "early")
    assert sorted(names, key=page.index) == [*names]


def test_a_direct_message_is_found_and_says_to_whom(browser: Client) -> None:
    words = {"message": 'Prices are in "cents"'}
    make_message(from_agent="lead", to_agent="backend", content=words)
    make_message(from_agent="lead", to_agent=None, content={"text": "Prices for all"})

    page = text_of(browser, "/search?q=prices")

    assert "lead to backend task.created" in page
    assert "lead to everybody" in page
    assert "Prices are in" in page
    assert '{"' not in page
    assert "{&quot;" not in page


def test_a_message_without_words_reads_as_its_values(browser: Client) -> None:
    make_message(content={"done": 3, "of": 7, "who": None})

    assert "of: 7 · who: - · done: 3" in text_of(browser, "/messages")


def test_failed_calls_and_failed_subtasks_are_not_called_the_same(browser: Client) -> None:
    make_subtask(agent_id="backend", status="failed", description="The price service")

    page = text_of(browser, "/")

    assert "Failed tool calls" in page
    assert re.search("backend failed at .* The price service", page)
