"""Connections that say something before the server shuts down."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from dcm.serving import one_write


class Protocol(WebSocketsSansIOProtocol):
    """Sends the text in scope["state"]["last_words"], if any, ahead of the close frame.

    Only the protocol can: the application hears of the shutdown when its socket is closed.
    """

    def shutdown(self) -> None:
        words = self.scope["state"].get("last_words") if self.handshake_complete else None
        if words and not (self.close_sent or self.transport.is_closing()):
            self.conn.send_text(words.encode())
            self.transport.write(b"".join(self.conn.data_to_send()))
        super().shutdown()


class HttpProtocol(one_write.Protocol):
    """Calls scope["state"]["farewell"], if there is one, for a stream that would never end."""

    def shutdown(self) -> None:
        cycle: Any = self.cycle  # null before the first request
        if cycle is not None and not cycle.response_complete:
            cycle.scope["state"].get("farewell", _nothing)()
        super().shutdown()


def _nothing() -> None:
    """What most requests have to say."""
