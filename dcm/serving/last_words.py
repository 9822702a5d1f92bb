"""A WebSocket that says something before the server shuts down."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


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
