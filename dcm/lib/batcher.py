"""Group commit: callers that wait while one batch is written are written together in the next."""

import asyncio
import contextvars
import threading
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar, cast

from dcm.lib.errors import Overloaded, is_unavailable
from dcm.lib.measures import SIZES, Histogram
from dcm.lib.threads import ConnectionThreads

CROWD = 64
"""So many items are worth a transaction of their own, beside the one under way."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Caller(NamedTuple):
    item: Any
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Any]"


class Batcher(Generic[Item, Result]):
    """Hands the items of concurrent callers to `service` as lists, in threads of its own.

    service: takes up to `largest` items in one transaction and returns one result for each, in
    order; an exception among them is raised for its caller. No timer is involved: a caller who is
    alone waits for nobody. Each is answered after the commit of the batch. Callers may live on any
    event loop. A cancelled caller's item is still written.

    lanes: so many batches at once at most, where CROWD items wait beside what is being written.
    """

    _all: "weakref.WeakSet[Batcher[Any, Any]]" = weakref.WeakSet()

    def __init__(
        self,
        service: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        largest: int = 256,
        waiting: int = 10_000,
        lanes: int = 1,
    ) -> None:
        self._service = service
        self._largest = largest
        self._bound = waiting
        self._waiting: deque[Caller] = deque()
        self._lock = threading.Lock()
        self._lanes = [ConnectionThreads(1, name="batcher") for _ in range(lanes)]
        self._batches: dict[ConnectionThreads, Future[None]] = {}
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
        while batches := [*self._batches.values()]:
            await asyncio.wait([*map(asyncio.wrap_future, batches)])
        await asyncio.sleep(0)  # the answers are ahead of us in the loop's queue

    @classmethod
    def all(cls) -> "list[Batcher[Any, Any]]":
        return list(cls._all)

    @classmethod
    async def drain_all(cls) -> None:
        for batcher in cls.all():
            await batcher.drain()

    def _start(self, done: ConnectionThreads | None = None) -> None:
        """done: the lane whose batch is written."""
        with self._lock:
            if done is not None:
                del self._batches[done]
            lane = self._free_lane()
            if lane is None:
                return
            # In a context of its own: a batch belongs to none of its callers.
            batch = contextvars.Context().run(lane.submit, self._work)
            self._batches[lane] = batch
        batch.add_done_callback(lambda _: self._start(done=lane))

    def _free_lane(self) -> ConnectionThreads | None:
        """For what waits, if that should go now, rather than with what is still to come."""
        if len(self._waiting) < (CROWD if self._batches else 1):
            return None
        return next((lane for lane in self._lanes if lane not in self._batches), None)

    def _work(self) -> None:
        if callers := self._take():  # unless the other lane was faster
            _tell(callers, self._outcomes([caller.item for caller in callers]))

    def _take(self) -> list[Caller]:
        with self._lock:
            many = min(len(self._waiting), self._largest)
            if many:
                self.sizes.note(many)
            return [self._waiting.popleft() for _ in range(many)]

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
