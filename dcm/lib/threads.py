"""Threads for synchronous database code, each with a database connection that it keeps."""

import asyncio
import contextlib
import contextvars
import functools
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

P = ParamSpec("P")
T = TypeVar("T")

TRUSTED_SECONDS = 1.0
"""A connection used this recently is taken to work; an older one is asked first."""


class ConnectionThreads:
    """At most `size` threads. A connection that broke is replaced before the next call.

    Opens with the first call, also after a close().
    """

    _all: "weakref.WeakSet[ConnectionThreads]" = weakref.WeakSet()

    def __init__(self, size: int, *, name: str) -> None:
        self._size = size
        self._name = name
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._connections: list[BaseDatabaseWrapper] = []
        self._local = threading.local()
        self._broke_at = float("-inf")
        self._all.add(self)

    @property
    def waiting(self) -> int:
        """How many calls have no thread yet."""
        executor = self._executor
        return executor._work_queue.qsize() if executor is not None else 0

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Call `function` in one of the threads, with a copy of the caller's context variables."""
        context = contextvars.copy_context()
        call = functools.partial(self._call, function, *args, **kwargs)
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._size, self._name, self._adopt)
            return self._executor.submit(context.run, call)

    def close(self) -> None:
        """Wait for the calls under way and close all connections."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()
        while self._connections:
            self._connections.pop().close()

    @classmethod
    def close_all(cls) -> None:
        for threads in list(cls._all):
            threads.close()

    def _adopt(self) -> None:
        connection = connections[DEFAULT_DB_ALIAS]
        connection.inc_thread_sharing()  # close() runs in another thread
        self._connections.append(connection)
        self._local.connection = connection
        self._local.used_at = float("-inf")

    def _call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._working_connection():
            return function(*args, **kwargs)

    @contextlib.contextmanager
    def _working_connection(self) -> Iterator[None]:
        connection: BaseDatabaseWrapper = self._local.connection
        # When one connection broke, so probably did its neighbours: ask before trusting them.
        trusted_since = max(time.monotonic() - TRUSTED_SECONDS, self._broke_at)
        if self._local.used_at <= trusted_since and connection.connection is not None:
            self._close_if_broken(connection)
        try:
            yield
        finally:
            self._local.used_at = time.monotonic()
            if connection.errors_occurred:
                self._close_if_broken(connection)

    def _close_if_broken(self, connection: BaseDatabaseWrapper) -> None:
        connection.errors_occurred = False
        if connection.connection is None or not connection.is_usable():
            connection.close()
            self._broke_at = time.monotonic()


pool = ConnectionThreads(settings.DB_THREADS, name="db")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Await `function(...)` run in a thread that may use the database.

    Cancelling the caller drops a call that still waits for a thread, but never stops one half-way.
    """
    return await asyncio.wrap_future(pool.submit(function, *args, **kwargs))
