"""Identical reads that are wanted at the same time are made once."""

import asyncio
import functools
import gzip
from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, TypeVar

from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from dcm.lib import wire
from dcm.lib.api import AsyncView, Query, hot_view
from dcm.lib.keys.callers import current
from dcm.lib.middleware import LARGE_BYTES
from dcm.lib.threads import in_thread

PACKING = 1
"""gzip's fastest level: half a millisecond for 25 kB."""

Key = TypeVar("Key", bound=Hashable)
Reply = TypeVar("Reply")


class JoinedRead(Generic[Key, Reply]):
    """`read`, in a thread that may use the database, for all callers with an equal key together.

    A caller never gets what a read found that had begun before: whoever comes while one is under
    way shares the next, and so sees whatever was answered before it asked. What a key of the API
    may see is part of the key.
    """

    def __init__(self, read: Callable[[Key], Reply]) -> None:
        self._read = read
        self._running: dict[Hashable, asyncio.Task[Reply]] = {}
        self._next: dict[Hashable, asyncio.Task[Reply]] = {}

    async def __call__(self, key: Key) -> Reply:
        # Loops may come and go, and each has its own tasks.
        whole = (asyncio.get_running_loop(), current.get(), key)
        running = self._running.get(whole)
        if running is None:
            running = self._running[whole] = self._start(whole, key)
            return await asyncio.shield(running)
        following = self._next.get(whole)
        if following is None:
            following = self._next[whole] = self._start(whole, key, after=running)
        return await asyncio.shield(following)

    def _start(
        self, whole: Hashable, key: Key, after: "asyncio.Task[Reply] | None" = None
    ) -> "asyncio.Task[Reply]":
        task = asyncio.get_running_loop().create_task(self._make(whole, key, after))
        # When every caller has gone, nobody asks what became of it.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _make(self, whole: Hashable, key: Key, after: "asyncio.Task[Reply] | None") -> Reply:
        if after is not None:
            await asyncio.wait([after])
            self._running[whole] = self._next.pop(whole)
        try:
            return await in_thread(self._read, key)
        finally:
            if whole not in self._next:
                del self._running[whole]


class Shared(NamedTuple):
    """The body of a reply that many may get, made once."""

    body: bytes
    etag: str
    is_packed: bool


def joined_view(*, failure: str) -> Callable[[Callable[..., Any]], AsyncView]:
    """Mark `find(query, **parameters of the path)` as what a GET answers with.

    It must depend on these and the rows alone. Clients that know the reply already, or take gzip,
    get less of it. failure: as of hot_view().
    """

    def mark(find: Callable[..., Any]) -> AsyncView:
        def read(asked: tuple[str, tuple[tuple[str, Any], ...], bool]) -> Shared:
            query, path, takes_gzip = asked
            body = wire.dump(find(Query(QueryDict(query)), **dict(path)))
            is_packed = takes_gzip and len(body) >= LARGE_BYTES
            etag = f'W/"{blake2b(body, digest_size=16).hexdigest()}"'
            return Shared(gzip.compress(body, PACKING) if is_packed else body, etag, is_packed)

        joined = JoinedRead(read)

        @functools.wraps(find)
        async def view(request: HttpRequest, **path: Any) -> HttpResponseBase:
            takes_gzip = "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", "")
            asked = (request.META["QUERY_STRING"], tuple(path.items()), takes_gzip)
            return _reply(request, await joined(asked))

        return hot_view(failure=failure, method="GET")(view)

    return mark


def _reply(request: HttpRequest, shared: Shared) -> HttpResponseBase:
    headers = {"ETag": shared.etag, "Vary": "Accept-Encoding"}
    if shared.is_packed:
        headers["Content-Encoding"] = "gzip"
    response = HttpResponse(shared.body, content_type="application/json", headers=headers)
    if "HTTP_IF_NONE_MATCH" not in request.META:
        return response
    return get_conditional_response(request, etag=shared.etag, response=response) or response
