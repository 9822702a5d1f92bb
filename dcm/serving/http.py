"""uvicorn's HTTP, with two things that only the protocol can do."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Joining:
    """A transport that joins what is written in one turn of the event loop.

    uvicorn writes the head of a reply and its body one after the other: two packets.
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
        if self._parts:
            self.transport.write(b"".join(self._parts))
            self._parts.clear()


class Protocol(HttpToolsProtocol):
    """Sends each reply in one piece, and ends streams that would never end.

    When the server shuts down it calls `scope["state"]["farewell"]`, if there is one.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]

    def handle_websocket_upgrade(self) -> None:
        # Frames are written whole.
        self.transport = self.transport.transport  # type: ignore[attr-defined]
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        cycle: Any = self.cycle  # null before the first request
        if cycle is not None and not cycle.response_complete:
            cycle.scope["state"].get("farewell", _nothing)()
        super().shutdown()


def _nothing() -> None:
    """What most requests have to say."""
