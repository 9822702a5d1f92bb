"""Identical reads that are wanted at the same time."""

import asyncio
import threading
from typing import Any

import pytest

from dcm.lib.joined import JoinedRead
from dcm.lib.keys.callers import Caller, current

ONE = Caller("one", is_operator=False)
OTHER = Caller("other", is_operator=False)


class Counter:
    """A read that tells how many there were before it began, and waits to be let on."""

    def __init__(self) -> None:
        self.reads = 0
        self.let_on = threading.Event()

    def __call__(self, key: str) -> int:
        self.reads += 1
        number = self.reads
        assert self.let_on.wait(5)
        if key == "bad":
            raise LookupError(key)
        return number


async def begun(counter: Counter, reads: int) -> None:
    while counter.reads < reads:
        await asyncio.sleep(0.001)


async def test_whoever_comes_during_a_read_shares_the_next_one() -> None:
    counter = Counter()
    read = JoinedRead(counter)
    first = asyncio.create_task(read("a"))
    await begun(counter, 1)
    others = [asyncio.create_task(read("a")) for _ in range(50)]
    await asyncio.sleep(0)
    counter.let_on.set()

    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 50
    assert counter.reads == 2


async def test_reads_of_different_keys_and_for_different_callers_are_made_apart() -> None:
    counter = Counter()
    read = JoinedRead(counter)

    async def ask(caller: Caller, key: str) -> int:
        current.set(caller)
        return await read(key)

    asked = [(ONE, "a"), (ONE, "b"), (OTHER, "a")]
    tasks = [asyncio.create_task(ask(*each)) for each in asked]
    await begun(counter, 3)
    counter.let_on.set()

    assert sorted(await asyncio.gather(*tasks)) == [1, 2, 3]


async def test_the_read_sees_whose_request_it_is() -> None:
    read: JoinedRead[str, Caller] = JoinedRead(lambda key: current.get())
    current.set(ONE)

    assert await read("a") == ONE


async def test_a_caller_that_leaves_takes_nobody_along() -> None:
    counter = Counter()
    read = JoinedRead(counter)
    leaving = asyncio.create_task(read("a"))
    await begun(counter, 1)
    staying = asyncio.create_task(read("a"))
    also_leaving = asyncio.create_task(read("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    also_leaving.cancel()
    counter.let_on.set()

    assert await staying == 2
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_all_learn_of_an_error_and_the_next_read_is_a_new_one() -> None:
    counter = Counter()
    counter.let_on.set()
    read = JoinedRead(counter)

    found: list[Any] = await asyncio.gather(
        *(read("bad") for _ in range(5)), return_exceptions=True
    )
    again: Any = await asyncio.gather(read("bad"), return_exceptions=True)

    assert all(isinstance(each, LookupError) for each in [*found, *again])
    assert not read._running
    assert not read._next


async def test_each_read_sees_what_was_there_when_it_was_asked_for() -> None:
    """Many writers and readers: nobody is told less than had been written before it asked."""
    written = 0
    read: JoinedRead[str, int] = JoinedRead(lambda key: written)

    async def write_and_read() -> None:
        nonlocal written
        for _ in range(50):
            written += 1
            mine = written
            assert await read("a") >= mine

    await asyncio.gather(*(write_and_read() for _ in range(30)))
