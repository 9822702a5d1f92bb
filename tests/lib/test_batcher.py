"""Group commit: who is written with whom, and who hears what."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction

from dcm.lib.batcher import CROWD, Batcher
from dcm.lib.errors import Conflict, Overloaded
from dcm.lib.threads import ConnectionThreads, in_thread

TABLE = "batcher_test"


class Odd(Conflict):
    message = "Odd numbers are taken"


class Recorder:
    """A service that can be held, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.busy.set()
        self.go_on.wait(5)
        return [item * 10 for item in items]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.go_on.set()


@pytest.fixture
def table(database: None) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} (n int PRIMARY KEY CHECK (n >= 0))")
        yield TABLE
        ConnectionThreads.close_all()
        cursor.execute(f"DROP TABLE {TABLE}")


@transaction.atomic
def insert(numbers: list[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} SELECT unnest(%s)", [numbers])
    return numbers


def stored() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT n FROM {TABLE} ORDER BY n")
        return [n for (n,) in cursor.fetchall()]


async def held(recorder: Recorder, batcher: Batcher[int, int]) -> "asyncio.Task[int]":
    """A caller whose batch is being written until recorder.go_on."""
    recorder.go_on.clear()
    first = asyncio.create_task(batcher.submit(0))
    assert await asyncio.to_thread(recorder.busy.wait, 5)
    return first


async def test_a_caller_who_is_alone_waits_for_nobody(recorder: Recorder) -> None:
    batcher = Batcher(recorder)

    assert await batcher.submit(1) == 10
    assert recorder.batches == [[1]]


async def test_callers_who_come_while_a_batch_is_written_form_the_next(recorder: Recorder) -> None:
    batcher = Batcher(recorder)
    first = await held(recorder, batcher)

    later = [asyncio.create_task(batcher.submit(n)) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    recorder.go_on.set()

    assert await asyncio.gather(first, *later) == [0, 10, 20, 30]
    assert recorder.batches == [[0], [1, 2, 3]]


async def test_a_batch_has_its_largest_size(recorder: Recorder) -> None:
    batcher = Batcher(recorder, largest=4)

    answers = await asyncio.gather(*(batcher.submit(n) for n in range(10)))

    assert answers == [n * 10 for n in range(10)]
    assert [len(batch) for batch in recorder.batches] == [4, 4, 2]


async def test_a_crowd_gets_the_second_lane(recorder: Recorder) -> None:
    batcher = Batcher(recorder, lanes=2)
    first = await held(recorder, batcher)
    waiting = [asyncio.create_task(batcher.submit(n)) for n in range(1, CROWD)]
    await asyncio.sleep(0.05)
    alone = [*recorder.batches]
    recorder.busy.clear()

    waiting.append(asyncio.create_task(batcher.submit(CROWD)))

    assert await asyncio.to_thread(recorder.busy.wait, 5)
    assert alone == [[0]]
    assert recorder.batches == [[0], [*range(1, CROWD + 1)]]
    recorder.go_on.set()
    assert await asyncio.gather(first, *waiting) == [n * 10 for n in range(CROWD + 1)]


def test_postgresql_allows_each_lane_its_connection(server: object) -> None:
    ours = [each for each in Batcher.all() if not each._service.__module__.startswith("tests.")]
    lanes = sum(len(batcher._lanes) for batcher in ours)
    hub, health = 1, 1

    assert settings.DB_THREADS + lanes + hub + health == settings.DB_CONNECTIONS


async def test_draining_waits_for_all_lanes(recorder: Recorder) -> None:
    batcher = Batcher(recorder, lanes=2)
    first = await held(recorder, batcher)
    later = asyncio.create_task(batcher.submit_each(range(CROWD)))
    await asyncio.sleep(0.05)

    draining = asyncio.create_task(batcher.drain())
    await asyncio.sleep(0.05)
    early = draining.done()
    recorder.go_on.set()
    await asyncio.wait_for(draining, 5)

    assert not early
    assert (await first, await later) == (0, [n * 10 for n in range(CROWD)])


async def test_everyone_is_answered_after_the_commit(table: str) -> None:
    batcher = Batcher(insert)

    async def submit(n: int) -> list[int]:
        await batcher.submit(n)
        return await in_thread(stored)

    seen = await asyncio.gather(*(submit(n) for n in range(50)))

    assert all(n in numbers for n, numbers in enumerate(seen))


async def test_one_bad_row_fails_alone(table: str) -> None:
    batcher = Batcher(insert)

    answers = await asyncio.gather(
        *(batcher.submit(-1 if n == 20 else n) for n in range(50)), return_exceptions=True
    )

    assert isinstance(answers.pop(20), IntegrityError)
    assert answers == await in_thread(stored) == [n for n in range(50) if n != 20]


@pytest.mark.parametrize("error", [Odd(), ValueError("odd"), KeyError("odd")])
async def test_a_refusal_reaches_only_the_caller_it_is_about(error: Exception) -> None:
    def refuse_odd(items: list[int]) -> list[int]:
        if any(item % 2 for item in items):
            raise error
        return items

    batcher = Batcher(refuse_odd)

    answers = await asyncio.gather(*(batcher.submit(n) for n in range(6)), return_exceptions=True)

    assert answers == [0, error, 2, error, 4, error]


async def test_a_database_that_is_gone_fails_the_whole_batch_once() -> None:
    calls: list[int] = []

    def lose(items: list[int]) -> list[int]:
        calls.append(len(items))
        raise OperationalError("server closed the connection")

    batcher = Batcher(lose)

    answers = await asyncio.gather(*(batcher.submit(n) for n in range(6)), return_exceptions=True)

    assert all(isinstance(answer, OperationalError) for answer in answers)
    assert calls == [6]


async def test_a_batch_after_a_broken_connection_is_written(table: str) -> None:
    def break_or_insert(items: list[int]) -> list[int]:
        if items == [0]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return insert(items)

    batcher = Batcher(break_or_insert)

    with pytest.raises(OperationalError):
        await batcher.submit(0)
    await batcher.submit(1)

    assert await in_thread(stored) == [1]


async def test_a_service_that_loses_count_is_an_error_for_all() -> None:
    batcher: Batcher[int, int] = Batcher(lambda _: [])

    answers = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)

    assert [type(answer) for answer in answers] == [RuntimeError, RuntimeError]


async def test_a_cancelled_caller_is_written_and_the_others_answered(recorder: Recorder) -> None:
    batcher = Batcher(recorder)
    first = await held(recorder, batcher)
    gone, stays = (asyncio.create_task(batcher.submit(n)) for n in (1, 2))
    await asyncio.sleep(0)

    gone.cancel()
    first.cancel()
    recorder.go_on.set()

    assert await stays == 20
    assert recorder.batches == [[0], [1, 2]]


async def test_more_than_may_wait_are_told_to_come_back(recorder: Recorder) -> None:
    batcher = Batcher(recorder, waiting=3)
    first = await held(recorder, batcher)
    waiting = [asyncio.create_task(batcher.submit(n)) for n in (1, 2, 3)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded):
        await batcher.submit(4)

    recorder.go_on.set()
    assert await asyncio.gather(first, *waiting) == [0, 10, 20, 30]
    assert await batcher.submit(5) == 50


async def test_draining_waits_for_all_that_was_submitted(recorder: Recorder) -> None:
    batcher = Batcher(recorder, largest=2)
    callers = [asyncio.create_task(batcher.submit(n)) for n in range(7)]
    await asyncio.sleep(0)

    await batcher.drain()

    assert [caller.done() for caller in callers] == [True] * 7
    assert [caller.result() for caller in callers] == [n * 10 for n in range(7)]


def test_callers_on_several_loops_share_a_batcher(recorder: Recorder) -> None:
    batcher = Batcher(recorder)
    answers: list[int] = []

    def on_own_loop(number: int) -> Callable[[], None]:
        return lambda: answers.append(asyncio.run(batcher.submit(number)))

    threads = [threading.Thread(target=on_own_loop(n)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert sorted(answers) == [0, 10, 20, 30, 40]
