"""uvicorn's WebSocket, and two things that only the protocol can do."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State


class Protocol(WebSocketsSansIOProtocol):
    """Gives the application a short way out, and the last word.

    `scope["state"]["write_frame"]` is write_frame(). The text in `scope["state"]["last_words"]`, if
    any, is sent ahead of the close frame when the server shuts down: the application would hear of
    that when its socket is closed.
    """

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["state"]["write_frame"] = self.write_frame

    def write_frame(self, data: bytes) -> bool:
        """Write whole frames as they are, unless they would have to wait; false if they would.

        Frames of a server are the same bytes for every client, so many sockets can share them.
        """
        free = self.writable.is_set() and self.conn.state is State.OPEN and not self.close_sent
        if free and not self.transport.is_closing():
            self.transport.write(data)
            return True
        return False

    def shutdown(self) -> None:
        words = self.scope["state"].get("last_words") if self.handshake_complete else None
        if words and not (self.close_sent or self.transport.is_closing()):
            self.conn.send_text(words.encode())
            self.transport.write(b"".join(self.conn.data_to_send()))
        super().shutdown()
