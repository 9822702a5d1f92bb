"""Group commit: callers that wait while one batch is written are written together in the next."""

import asyncio
import contextvars
import threading
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar, cast

from dcm.lib.errors import Overloaded, is_unavailable
from dcm.lib.measures import SIZES, Histogram
from dcm.lib.threads import ConnectionThreads

Item = TypeVar("Item")
Result = TypeVar("Result")


class Caller(NamedTuple):
    item: Any
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Any]"


class Batcher(Generic[Item, Result]):
    """Hands the items of concurrent callers to `service` as lists, in a thread of its own.

    service: takes up to `largest` items in one transaction and returns one result for each, in
    order; an exception among them is raised for its caller. No timer is involved: a caller who is
    alone waits for nobody. Each is answered after the commit of the batch. Callers may live on any
    event loop. A cancelled caller's item is still written.
    """

    _all: "weakref.WeakSet[Batcher[Any, Any]]" = weakref.WeakSet()

    def __init__(
        self,
        service: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        largest: int = 256,
        waiting: int = 10_000,
    ) -> None:
        self._service = service
        self._largest = largest
        self._bound = waiting
        self._waiting: deque[Caller] = deque()
        self._lock = threading.Lock()
        self._working = False
        self._thread = ConnectionThreads(1, name="batcher")
        self.name = getattr(service, "__name__", "batcher")
        self.sizes = Histogram(SIZES)
        self._all.add(self)

    def __len__(self) -> int:
        """How many items wait for the next batch."""
        return len(self._waiting)

    async def submit(self, item: Item) -> Result:
        """The result for `item`, once committed.

        Raises what the service raised for it; Overloaded when too many are waiting.
        """
        (answer,) = self._wait_with([item])
        return await answer

    async def submit_each(self, items: Sequence[Item]) -> list[Result | Exception]:
        """For each item its result, or what was raised for it. They may go in several batches.

        Raises Overloaded when too many are waiting; then none of them is written.
        """
        answers = self._wait_with(items)
        if answers:
            await asyncio.wait(answers)
        return [cast("Any", answer.exception() or answer.result()) for answer in answers]

    def _wait_with(self, items: Sequence[Item]) -> "list[asyncio.Future[Result]]":
        if len(self._waiting) + len(items) > self._bound:
            raise Overloaded
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Result]] = [loop.create_future() for _ in items]
        self._waiting.extend(map(Caller, items, repeat(loop), answers))
        # Not at once: whoever else is ready in this turn of the loop comes along.
        loop.call_soon(self._start)
        return answers

    async def drain(self) -> None:
        """Return when everything submitted so far is written and answered."""
        self._start()
        while self._working:
            # There is one thread, so this comes after the batch under way.
            await asyncio.wrap_future(self._thread.submit(lambda: None))
        await asyncio.sleep(0)  # the answers are ahead of us in the loop's queue

    @classmethod
    def all(cls) -> "list[Batcher[Any, Any]]":
        return list(cls._all)

    @classmethod
    async def drain_all(cls) -> None:
        for batcher in cls.all():
            await batcher.drain()

    def _start(self) -> None:
        with self._lock:
            if self._waiting and not self._working:
                self._working = True
                # In a context of its own: a batch belongs to none of its callers.
                contextvars.Context().run(self._thread.submit, self._work)

    def _work(self) -> None:
        callers = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest))]
        self.sizes.note(len(callers))
        try:
            _tell(callers, self._outcomes([caller.item for caller in callers]))
        finally:
            with self._lock:
                self._working = False
            self._start()

    def _outcomes(self, items: list[Item]) -> Sequence[Any]:
        """For each item its result, or the exception to raise."""
        try:
            results = self._service(items)
            if len(results) != len(items):
                raise RuntimeError(f"{len(results)} results for {len(items)} items")
        except Exception as error:  # noqa: BLE001  whatever it is belongs to the callers
            if len(items) == 1 or is_unavailable(error):
                return [error] * len(items)
            # One bad item must not take the others with it.
            return [outcome for item in items for outcome in self._outcomes([item])]
        return results


def _tell(callers: list[Caller], outcomes: Sequence[Any]) -> None:
    """Answer the callers, waking each event loop once."""
    answers = defaultdict(list)
    for caller, outcome in zip(callers, outcomes, strict=True):
        answers[caller.loop].append((caller.answer, outcome))
    for loop, answered in answers.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, answered)


def _settle(answered: list[tuple["asyncio.Future[Any]", Any]]) -> None:
    for answer, outcome in answered:
        if answer.cancelled():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
