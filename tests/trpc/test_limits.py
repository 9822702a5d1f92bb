"""How much one session, one text and one frame may hold, and what is answered beyond it."""

import asyncio
import contextlib
import uuid
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from dcm.lib.threads import in_thread
from sessions_app import coordinator_selectors
from sessions_app.models import ContextEntry, Coordination
from sessions_app.services import coordinator
from sessions_app.trpc import consumers
from tests.conftest import Server
from tests.trpc.client import AGENT, RawClient, request, share
from tests.trpc.conftest import OpenClient
from tests.trpc.servers import another_server, url_of

MEGABYTE = 2**20
JOIN = {"name": "api-side", "role": "source", "repoPath": "/srv/api"}
TOO_LARGE, TOO_MANY = "PAYLOAD_TOO_LARGE", "TOO_MANY_REQUESTS"


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["error"]["data"]["code"]) if "error" in answer else "OK"


def fill_with_keys(session: str, number: int) -> None:
    of = Coordination.objects.create(session_id=session, last_number=number)
    ContextEntry.objects.bulk_create(
        ContextEntry(
            id=uuid.uuid4(),
            coordination=of,
            number=n,
            version=n,
            key=f"key-{n}",
            key_hash=ContextEntry.hash_of(f"key-{n}"),
            value="",
            created_by=AGENT,
            updated_by=AGENT,
        )
        for n in range(1, number + 1)
    )


async def test_ten_thousand_keys_fit_and_known_ones_may_still_change(
    trpc: OpenClient, session: str
) -> None:
    await in_thread(fill_with_keys, session, 9_999)
    client = await trpc()

    last = await client.call("mutation", "context.share", share("the last", "v"))
    beyond = await client.call("mutation", "context.share", share("one more", "v"))
    known = await client.call("mutation", "context.share", share("key-1", "changed"))

    assert [code_of(answer) for answer in (last, beyond, known)] == ["OK", TOO_MANY, "OK"]
    assert beyond["error"]["message"] == "Too many keys in this session: at most 10000"
    assert beyond["error"]["code"] == -32029
    assert await client.query("context.get", {"key": "one more"}) is None
    assert len(await client.query("context.list")) == 10_000


@pytest.mark.parametrize(
    ("limit", "path", "given"),
    [
        ("MOST_AGENTS", "session.join", JOIN),
        ("MOST_PENDING_QUESTIONS", "questions.ask", {"question": "?", "agentId": AGENT}),
        ("MOST_DECISIONS", "decisions.log", {"decision": "!", "agentId": AGENT}),
    ],
)
async def test_a_full_session_says_so(
    trpc: OpenClient, monkeypatch: pytest.MonkeyPatch, limit: str, path: str, given: Any
) -> None:
    monkeypatch.setattr(coordinator, limit, 2)
    client = await trpc()

    answers = [await client.call("mutation", path, given) for _ in range(3)]

    assert [code_of(answer) for answer in answers] == ["OK", "OK", TOO_MANY]
    assert answers[2]["error"]["message"].endswith("in this session: at most 2")


async def test_of_many_at_once_exactly_as_many_come_in_as_fit(
    trpc: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "MOST_AGENTS", 3)
    clients = [await trpc() for _ in range(12)]

    answers = await asyncio.gather(*(c.call("mutation", "session.join", JOIN) for c in clients))

    assert sorted(code_of(answer) for answer in answers) == ["OK"] * 3 + [TOO_MANY] * 9


@pytest.mark.parametrize(
    ("path", "given", "large"),
    [
        ("context.share", share("k", ""), "key"),
        ("context.share", share("k", ""), "value"),
        ("questions.ask", {"agentId": AGENT}, "question"),
        ("decisions.log", {"agentId": AGENT}, "decision"),
        ("decisions.log", {"decision": "!", "agentId": AGENT}, "rationale"),
    ],
)
async def test_a_text_may_have_a_mebicharacter(
    trpc: OpenClient, path: str, given: Any, large: str
) -> None:
    client = await trpc()

    fits = await client.call("mutation", path, {**given, large: "é" * MEGABYTE})
    beyond = await client.call("mutation", path, {**given, large: "é" * (MEGABYTE + 1)})

    assert fits["result"]["data"][large] == "é" * MEGABYTE
    assert (code_of(beyond), beyond["error"]["code"]) == (TOO_LARGE, -32013)


async def test_an_answer_may_have_a_mebicharacter(trpc: OpenClient) -> None:
    client = await trpc()
    asked = await client.mutate("questions.ask", {"question": "?", "agentId": AGENT})
    reply = {"questionId": asked["id"], "agentId": AGENT}

    for length, code in ((MEGABYTE, "OK"), (MEGABYTE + 1, TOO_LARGE)):
        given = {**reply, "answer": "a" * length}
        assert code_of(await client.call("mutation", "questions.answer", given)) == code


async def test_all_tags_of_an_entry_together_are_one_text(trpc: OpenClient) -> None:
    client = await trpc()
    half = "t" * (MEGABYTE // 2)

    fits = await client.call("mutation", "context.share", share("k", "", tags=[half, half]))
    beyond = await client.call("mutation", "context.share", share("k", "", tags=[half, half, "t"]))

    assert (code_of(fits), code_of(beyond)) == ("OK", TOO_LARGE)


@pytest.mark.parametrize("label", ["name", "repoPath"])
async def test_names_and_paths_are_shorter_since_lists_repeat_them(
    trpc: OpenClient, label: str
) -> None:
    client = await trpc()

    fits = await client.call("mutation", "session.join", {**JOIN, label: "n" * 8_192})
    beyond = await client.call("mutation", "session.join", {**JOIN, label: "n" * 8_193})

    assert (code_of(fits), code_of(beyond)) == ("OK", TOO_LARGE)


async def test_a_list_that_no_client_could_read_is_refused(
    trpc: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator_selectors, "LARGEST_LIST", 1_000)
    client = await trpc()
    await client.mutate("context.share", share("k", "v" * 600, tags=["t" * 600]))
    await client.mutate("context.share", share("small", "v"))

    whole = await client.call("query", "context.list")
    some = await client.call("query", "context.list", {"createdBy": AGENT.upper()})

    assert (code_of(whole), code_of(some)) == (TOO_LARGE, "OK")


async def test_what_is_too_much_of_a_batch_is_refused_call_by_call(
    trpc: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MOST_REQUESTS", 2)
    client = await trpc()

    await client.send([request(n, "query", "session.list") for n in range(4)])

    answers = await client.barrier()
    assert [answer["id"] for answer in answers] == [0, 1, 2, 3]
    assert [code_of(answer) for answer in answers] == ["OK", "OK", TOO_MANY, TOO_MANY]


async def test_17_megabytes_fit_in_a_frame_and_33_close_the_socket(
    tmp_path: Path, server: Server
) -> None:
    value = "v" * MEGABYTE
    with another_server(tmp_path) as serving:
        async with RawClient.open(url_of(serving)) as client:
            await client.send(
                [request(n, "mutation", "context.share", share(str(n), value)) for n in range(17)]
            )
            assert [code_of(await client.frame()) for _ in range(17)] == ["OK"] * 17

            given = share("k", "v" * 17 * MEGABYTE)
            assert code_of(await client.call("mutation", "context.share", given)) == TOO_LARGE

            with contextlib.suppress(ConnectionClosed):
                await client.send("v" * 33 * MEGABYTE)
            await client.socket.wait_closed()
            assert client.socket.close_code == 1009
