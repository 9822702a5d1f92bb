"""Django's ASGI handler with few hops.

The stock one makes a thread for each request and hops to it four times: 1.1 ms. Here an async view
runs on the event loop, behind middleware that never waits, and a synchronous one in a single hop.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import aclosing
from functools import lru_cache
from inspect import iscoroutinefunction
from time import perf_counter
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core import signals
from django.core.cache import close_caches
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.base import reset_urlconf
from django.db import close_old_connections, reset_queries
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, URLResolver, get_resolver, set_script_prefix
from django.utils.module_loading import import_string

from dcm.lib.api import error_response, is_page, view_of
from dcm.lib.database_check import database
from dcm.lib.errors import BodyTooLarge, DatabaseUnavailable, Malformed
from dcm.lib.logs import begin_with
from dcm.lib.observing import about, note, request_id
from dcm.lib.threads import ConnectionThreads, pool

T = TypeVar("T")
Scope = Any  # a dictionary, as the ASGI specification has it
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

PATIENT_SECONDS = 0.4
"""After so long somebody asks whether the database answers at all."""

UNWATCHED_SECONDS = 0.1
"""A view that takes longer is cancelled when its client goes. Most are done before."""


class LeanRequest(ASGIRequest):
    """A request whose body is in memory. refusal: why no view may see it, only the middleware."""

    refusal: Exception | None = None

    def __init__(self, scope: Scope, body: bytes) -> None:
        super().__init__(scope, io.BytesIO(body))
        self._body = body
        # DRF takes a body of no known length, or of none, for {}: either is for the parser to say.
        self.META["CONTENT_LENGTH"] = str(len(body) or -1)
        self.id = request_id(self.META.get("HTTP_X_REQUEST_ID"))

    def about(self) -> dict[str, str]:
        return {"request_id": self.id, **about(self)}


class LeanHandler(ASGIHandler):
    """Runs async views on the loop and everything else in one of the shared threads.

    Request signals are sent where the work runs, so that their receivers find the connection used.
    """

    def __init__(self) -> None:
        # The threads look after their connections; these would ask every connection three times.
        signals.request_started.disconnect(reset_queries)
        signals.request_started.disconnect(close_old_connections)
        signals.request_finished.disconnect(close_old_connections)
        signals.request_finished.disconnect(close_caches)  # they live in memory
        signals.request_finished.disconnect(reset_urlconf)  # there is one, and it costs 9 us
        self.load_middleware(is_async=False)
        self._edge: Callable[[Any], Any] = _call_view
        for name in reversed(settings.EDGE_MIDDLEWARE):
            self._edge = import_string(name)(self._edge)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = Client(receive)
        try:
            request = await _read_request(scope, receive)
            begin_with(request)
            began = perf_counter()
            client.watch(after=UNWATCHED_SECONDS)
            response = await self._respond_in_time(request)
            note(request, response.status_code, perf_counter() - began)
            await self._send(response, request, client, send)
        except RequestAborted:
            return
        except asyncio.CancelledError:
            if not client.gone:
                raise
        finally:
            client.forget()

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        return request.resolver_match or super().resolve_request(request)

    def process_exception_by_middleware(self, exception: Exception, request: HttpRequest) -> Any:
        response: Any = super().process_exception_by_middleware(exception, request)
        if response is None and not is_page(request.path):
            response = error_response(exception, failure=_failure_label(request))
        return response

    async def _respond_in_time(self, request: LeanRequest) -> Any:
        try:
            return await in_time(self._respond(request))
        except DatabaseUnavailable as error:
            return error_response(error)

    async def _respond(self, request: LeanRequest) -> Any:
        if request.refusal is None:
            _resolve(request)
        match = request.resolver_match
        if request.refusal or (match and iscoroutinefunction(match.func)):
            return await self._on_the_loop(request)
        future = pool.submit(self._in_a_thread, request)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.add_done_callback(_close_unsent)
            raise

    async def _on_the_loop(self, request: LeanRequest) -> Any:
        signals.request_started.send(sender=type(self), scope=request.scope)
        try:
            response = await self._edge(request)
        except asyncio.CancelledError:
            signals.request_finished.send(sender=type(self))
            raise
        return self._finish(request, response)

    def _in_a_thread(self, request: LeanRequest) -> Any:
        set_script_prefix(get_script_prefix(request.scope))
        signals.request_started.send(sender=type(self), scope=request.scope)
        return self._finish(request, self._middleware_chain(request))  # type: ignore[attr-defined]

    def _finish(self, request: LeanRequest, response: Any) -> Any:
        response._handler_class = type(self)
        response._resource_closers.append(request.close)
        if not response.streaming:
            response.close()  # sends request_finished; the content stays
        return response

    async def _send(
        self, response: Any, request: LeanRequest, client: "Client", send: Send
    ) -> None:
        headers = [*headers_of(response), (b"X-Request-ID", request.id.encode())]
        start = {"status": response.status_code, "headers": headers}
        await send({"type": "http.response.start", **start})
        if response.streaming:
            client.watch(after=0)
            if isinstance(response, FileResponse):
                response.block_size = self.chunk_size
            async with aclosing(_parts(response)) as parts:
                async for part in parts:
                    if request.method == "HEAD":
                        break
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        else:
            body = b"" if request.method == "HEAD" else response.content
            await send({"type": "http.response.body", "body": body})


async def in_time(work: Awaitable[T]) -> T:
    """Raises DatabaseUnavailable when the database hangs: what it was asked may yet happen."""
    patience = Patience()
    try:
        return await work
    except asyncio.CancelledError:
        if not patience.take_back():
            raise
        raise DatabaseUnavailable from None
    finally:
        patience.forget()


class Patience:
    """Cancels the current task when that takes long and the database does not answer."""

    def __init__(self) -> None:
        self.ended = False
        self._task = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PATIENT_SECONDS, self._begin)

    def take_back(self) -> bool:
        """Whether the cancellation was ours, and is over."""
        if self.ended and self._task is not None:
            self._task.uncancel()
        return self.ended

    def forget(self) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _begin(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await database.finding())["healthy"]:  # noqa: ASYNC110  nothing would set an event
            await asyncio.sleep(PATIENT_SECONDS)
        self.ended = True
        if self._task is not None:
            self._task.cancel()


class Client:
    """Cancels the current task when the client closes the connection."""

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self._receive = receive
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    def watch(self, *, after: float) -> None:
        """Begin in so many seconds: a timer costs less than a task that is never needed."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is None:
            self._timer = asyncio.get_running_loop().call_later(after, self._begin)

    def forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _begin(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._wait_until_gone())

    async def _wait_until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._task is not None:
            self._task.cancel()


async def _read_request(scope: Scope, receive: Receive) -> LeanRequest:
    """The request with its whole body. Raises RequestAborted."""
    refusal: Exception | None = None
    try:
        body = await _read_body(scope, receive)
    except BodyTooLarge as error:
        body, refusal = b"", error
    path: str = scope["path"]
    # Only a slash that is one: an id may end with %2F.
    if path.startswith("/api/") and scope.get("raw_path", b"/").endswith(b"/"):
        scope = {**scope, "path": path[:-1]}
    try:
        request = LeanRequest(scope, body)
    except UnicodeDecodeError:
        request = LeanRequest({**scope, "query_string": b""}, body)
        refusal = Malformed(message="The query string is not ASCII")
    if "\0" in path or ("\ufffd" in path and not _is_utf8(scope)):
        refusal = Malformed(message="The path is not UTF-8 or holds U+0000")
    request.refusal = refusal
    return request


def _is_utf8(scope: Scope) -> bool:
    try:
        unquote_to_bytes(scope.get("raw_path", b"")).decode()
    except UnicodeDecodeError:
        return False
    return True


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """Raises BodyTooLarge as soon as that is known, and RequestAborted.

    The server drops what has not been read, so the connection can be used again.
    """
    hook = scope["path"].startswith("/api/hooks/")
    most = settings.MAX_HOOK_BODY_BYTES if hook else settings.MAX_BODY_BYTES
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > most:
            raise BodyTooLarge(message=f"The limit is {most} bytes")
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestAborted
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            raise BodyTooLarge(message=f"The limit is {most} bytes")
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


KEPT_PATHS = 4_096
LONGEST_KEPT = 256
"""Where so many paths of so many characters lead is known: agents ask the same again and again."""


def _resolve(request: LeanRequest) -> None:
    """Find the view of this path and method; that of a page may be found by the middleware."""
    alone = "HTTP_IDEMPOTENCY_KEY" in request.META
    path = request.path_info
    find = _find if len(path) <= LONGEST_KEPT else _find.__wrapped__
    try:
        request.resolver_match = find(get_resolver(), path, request.method, alone)
    except Http404 as error:
        if not is_page(request.path):
            request.refusal = error


@lru_cache(KEPT_PATHS)
def _find(resolver: URLResolver, path: str, method: str | None, alone: bool) -> ResolverMatch:
    match = resolver.resolve(path)
    match.func = view_of(match.func, method)
    if alone:
        match.func = getattr(match.func, "alone", match.func)
    return match


async def _call_view(request: LeanRequest) -> HttpResponseBase:
    """The innermost part of the loop's chain: the view, or the envelope of what it raised."""
    try:
        if request.refusal is not None:
            raise request.refusal
        match = request.resolver_match
        assert match is not None
        response: HttpResponseBase = await match.func(request, *match.args, **match.kwargs)
    except Exception as error:  # noqa: BLE001  every error has an envelope
        return error_response(error, failure=_failure_label(request))
    return response


def _failure_label(request: HttpRequest) -> str:
    view = request.resolver_match and request.resolver_match.func
    return str(getattr(view, "failure", "Internal Server Error"))


def headers_of(response: Any) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.output(header="").strip().encode("ascii"))
        for cookie in response.cookies.values()
    ]
    has_length = any(name == b"Content-Length" for name, _ in headers)  # twice is no HTTP
    if not (has_length or response.streaming or response.status_code in (204, 304)):
        headers.append((b"Content-Length", str(len(response.content)).encode("ascii")))
    return headers


async def _parts(response: Any) -> AsyncGenerator[bytes, None]:
    """The parts of a streaming response, which is closed afterwards."""
    if response.is_async:
        try:
            async for part in response:
                yield part
        finally:
            response.close()
        return
    # One thread for the whole of it: a connection or transaction must not change in between.
    thread = ConnectionThreads(1, name="stream")
    try:
        parts = iter(response)
        while (part := await asyncio.wrap_future(thread.submit(next, parts, None))) is not None:
            yield part
    finally:
        thread.submit(response.close)
        await asyncio.to_thread(thread.close)


def _close_unsent(future: "Future[HttpResponseBase]") -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()
