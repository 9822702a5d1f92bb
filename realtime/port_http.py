"""Plain HTTP on the socket port: two helpers for those who watch it. Contract: websocket 1."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from dcm.lib import wire
from realtime.fanout import hub
from realtime.sockets import sockets

CORS = [
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Allow-Methods", b"GET, OPTIONS"),
    (b"Access-Control-Allow-Headers", b"Content-Type"),
]


async def application(scope: Any, receive: Any, send: Any) -> None:
    path = scope["path"]
    if path == "/health":
        head = {"status": "healthy", "type": "websocket", "port": settings.WS_PORT}
        await _reply(send, 200, wire.dump({**head, **_stats(), "timestamp": datetime.now(UTC)}))
    elif path == "/stats":
        await _reply(send, 200, wire.dump(_stats()))
    elif path in ("/", "/ws"):
        await _reply(send, 400, b"WebSocket upgrade failed", b"text/plain")
    elif scope["method"] == "OPTIONS":
        await _reply(send, 200, b"", b"text/plain")
    else:
        await _reply(send, 404, b"Not Found", b"text/plain")


def _stats() -> dict[str, Any]:
    """Counts of this process. Channels bear names of agents, so in production nobody is told."""
    if settings.PRODUCTION:
        return {}
    return {
        "connectedClients": len(sockets),
        "activeChannels": len(hub.channels),
        "channelStats": {name: len(group) for name, group in hub.channels.items()},
        "pendingDeliveries": sockets.unacknowledged,
        "exhaustedDeliveries": sockets.exhausted,
    }


async def _reply(send: Any, status: int, body: bytes, kind: bytes = b"application/json") -> None:
    headers = [(b"Content-Type", kind), (b"Content-Length", str(len(body)).encode()), *CORS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
