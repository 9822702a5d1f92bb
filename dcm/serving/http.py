"""uvicorn's HTTP, with three things that only the protocol can do."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PATIENCE_SECONDS = 20.0
SLOWEST_BYTES_PER_SECOND = 1_000
"""So long a request may take until it is whole: the first, and a second for so many bytes."""

_TOO_SLOW_BODY = b'{"error":"Request timeout","message":"The request was not whole in time"}'
_TOO_SLOW = b"\r\n".join(
    [
        b"HTTP/1.1 408 Request Timeout",
        b"content-type: application/json",
        b"content-length: %d" % len(_TOO_SLOW_BODY),
        b"connection: close",
        b"",
        _TOO_SLOW_BODY,
    ]
)


class Joining:
    """A transport that joins what is written in one turn of the event loop.

    uvicorn writes the head of a reply and its body one after the other, and several events for one
    socket may come at once. Each packet costs more than what is in it.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self.is_closing = transport.is_closing
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def _flush(self) -> None:
        if self._parts and not self.transport.is_closing():
            self.transport.write(b"".join(self._parts))
        self._parts.clear()


class Protocol(HttpToolsProtocol):
    """Sends each reply in one piece, does not wait for ever, and ends streams that never would.

    When the server shuts down it calls `scope["state"]["farewell"]`, if there is one.
    """

    _deadline: asyncio.TimerHandle | None = None
    _since = 0.0  # of the loop's time: when the wait for a whole request began
    _received = 0  # bytes since then
    _begun = False
    _headed = False
    _whole = False
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]
        self._await_rest(0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_all()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._upgraded or (self._whole and not self._is_idle()):
            self._have_all()
        else:
            self._await_rest(len(data))

    def on_message_begin(self) -> None:
        self._begun, self._headed, self._whole = True, False, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._headed = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._whole = True
        super().on_message_complete()

    def _is_idle(self) -> bool:
        """Nothing is asked for: what comes now is part of no request, as blank lines are."""
        cycle: Any = self.cycle  # null before the first request
        return cycle is None or cycle.response_complete

    def _await_rest(self, received: int) -> None:
        if self.transport.is_closing():
            return
        if self._deadline is None:
            self._since, self._received = self.loop.time(), 0
            self._deadline = self.loop.call_later(PATIENCE_SECONDS, self._check_pace)
        self._received += received

    def _have_all(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _check_pace(self) -> None:
        end = self._since + PATIENCE_SECONDS + self._received / SLOWEST_BYTES_PER_SECOND
        # While we do not read, it is not the client who is slow.
        if self.flow.read_paused:
            end = max(end, self.loop.time() + PATIENCE_SECONDS)
        if self.loop.time() < end:
            self._deadline = self.loop.call_at(end, self._check_pace)
            return
        self._deadline = None
        unanswered = not self._headed or not self.cycle.response_started
        if self._begun and not self._whole and unanswered:
            self.transport.write(_TOO_SLOW)
        self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        self._upgraded = True
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        cycle: Any = self.cycle  # null before the first request
        if cycle is not None and not cycle.response_complete:
            cycle.scope["state"].get("farewell", _nothing)()
        super().shutdown()


def _nothing() -> None:
    """What most requests have to say."""
