"""Letters that are stored together, as the batcher does with those of many clients."""

import asyncio
import uuid

import pytest

from dcm.lib.wire import wire_time
from messaging.models import Message
from messaging.services.messages import send_each
from messaging.services.posting import Letter
from tests.conftest import Api
from tests.factories import make_agent

pytestmark = pytest.mark.usefixtures("database")


def letter(from_agent: str, to_agent: str | None) -> Letter:
    return Letter(from_agent=from_agent, to_agent=to_agent, topic="task.created", content={})


def test_letters_stored_together_are_numbered_as_they_came() -> None:
    first = send_each([letter("a", "b"), letter("c", "b"), letter("a", "b")])
    then = send_each([letter("a", "b"), letter("a", None)])

    stored = [each.sent.delivery for each in first + then]
    assert [each and each["number"] for each in stored] == [1, 1, 2, 3, None]
    assert [each.seq for each in first] == [first[0].seq + n for n in range(3)]
    moments = [Message.objects.get(id=each.sent.id).created_at for each in first]
    assert moments == sorted(set(moments))
    assert [each.sent.created_at for each in first] == [*map(wire_time, moments)]


def test_letters_stored_together_may_cross() -> None:
    make_agent("gone", state="ended")

    posted = send_each(
        [letter("a", "b"), letter("b", "a"), letter("a", "gone"), letter("gone", "a")]
    )

    told = [(each.sent.delivery or {}) for each in posted]
    assert [each["is_crossed"] for each in told] == [False, True, False, False]
    assert [each["state"] for each in told] == ["queued", "queued", "dead", "queued"]


async def test_a_letter_of_no_project_keeps_no_other_out(api: Api) -> None:
    body = {"from_agent": "a", "to_agent": "b", "topic": "task.created", "content": "Go"}
    bodies = [body, body | {"project_id": str(uuid.uuid4())}, body]

    replies = await asyncio.gather(*(api.post("/api/messages", json=each) for each in bodies))

    assert [reply.status_code for reply in replies] == [201, 404, 201]
    numbers = [reply.json()["deliveries"][0]["number"] for reply in replies[::2]]
    assert sorted(numbers) == [1, 2]
