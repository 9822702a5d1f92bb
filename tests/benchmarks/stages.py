"""`python -m tests.benchmarks.stages`: a server that notes where its processor time goes.

Each thread has a stack of stages; what it spends belongs to the innermost. Clocks are read some
twenty times for a request, which costs a few microseconds. At SIGUSR1 the totals are written, as
JSON, to the file that STAGES names.
"""

import json
import os
import signal
import sys
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

UVICORN, HANDLER, VIEW, SERVICE, LIBPQ, HUB = (
    *("uvicorn", "handler", "view", "service", "libpq", "hub"),
)
REQUESTS, TRIPS, WAITED = "requests", "trips", "waited"

totals: Counter[str] = Counter()
"""Nanoseconds of processor time by stage; how many requests and trips to PostgreSQL there were,
and the nanoseconds that trips took without working."""


class Stack(threading.local):
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.since = 0


_stack = Stack()


@contextmanager
def stage(name: str) -> Iterator[None]:
    _charge()
    _stack.stages.append(name)
    try:
        yield
    finally:
        _charge()
        _stack.stages.pop()


def _charge() -> None:
    now = thread_time_ns()
    if _stack.stages:
        totals[_stack.stages[-1]] += now - _stack.since
    _stack.since = now


def sync(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, as a stage."""

    @wraps(function)
    def staged(*args: Any, **kwargs: Any) -> Any:
        with stage(name):
            return function(*args, **kwargs)

    return staged


def steps(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for one that is awaited: the time between its steps belongs to others."""

    @wraps(function)
    async def staged(*args: Any, **kwargs: Any) -> Any:
        return await _driven(name, function(*args, **kwargs))

    return staged


@types.coroutine
def _driven(name: str, work: Any) -> Any:
    resume = partial(work.send, None)
    while True:
        try:
            with stage(name):
                awaited = resume()
        except StopIteration as done:
            return done.value
        try:
            resume = partial(work.send, (yield awaited))
        except BaseException as error:
            resume = partial(work.throw, error)


def watch() -> None:
    """Makes stages of what a request passes. Before the application is made."""
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from dcm.lib import batcher, handler, joined, threads
    from dcm.lib.postgresql import base
    from dcm.serving.http import Protocol
    from realtime import fanout

    _replace(Protocol, "data_received", partial(sync, UVICORN))
    _replace(RequestResponseCycle, "send", partial(steps, UVICORN))
    _replace(handler.LeanHandler, "__call__", partial(steps, HANDLER))
    _replace(handler.LeanHandler, "__call__", _counted)
    _replace(handler, "_call_view", partial(steps, VIEW))
    _replace(joined.JoinedRead, "_make", partial(steps, VIEW))
    _replace(batcher.Batcher, "_outcomes", partial(sync, SERVICE))
    _replace(threads.ConnectionThreads, "_call", partial(sync, SERVICE))
    _replace(fanout.Hub, "_follow", partial(steps, HUB))
    _replace(base, "make_trip", partial(sync, LIBPQ))
    _replace(base, "make_trip", _waiting)


def _replace(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    setattr(owner, name, wrap(getattr(owner, name)))


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*args: Any) -> Any:
        totals[REQUESTS] += 1
        return function(*args)

    return counted


def _waiting(trip: Callable[..., Any]) -> Callable[..., Any]:
    def waiting(*args: Any) -> Any:
        began = perf_counter_ns() - thread_time_ns()
        try:
            return trip(*args)
        finally:
            totals[TRIPS] += 1
            totals[WAITED] += perf_counter_ns() - thread_time_ns() - began

    return waiting


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "dcm.settings"
    import django
    from django.core.management import execute_from_command_line

    django.setup()
    watch()
    signal.signal(signal.SIGUSR1, lambda *_: Path(os.environ["STAGES"]).write_text(_told()))
    execute_from_command_line(["manage.py", "serve", *sys.argv[1:]])


def _told() -> str:
    return json.dumps(totals)


if __name__ == "__main__":
    main()
