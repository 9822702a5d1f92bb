"""The application that all ports share, and every socket route."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")

import django

django.setup()

import asyncio
from typing import Any

from django.conf import settings

from dcm.lib.handler import LeanHandler
from dcm.lib.threads import close_pool
from projects.services.actions import recorder
from realtime import port_http
from realtime.consumers import NativeConsumer
from realtime.fanout import hub


class Application:
    """HTTP, sockets and lifespan of one server process.

    Which port a request came in by says what it wants: 3849 speaks the native WebSocket, 3030 the
    coordinator's, the others HTTP with both sockets below it.
    """

    def __init__(self) -> None:
        self._http = LeanHandler()
        self._native = NativeConsumer.as_asgi()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._route_http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._route_socket(scope, receive, send)

    async def _route_http(self, scope: Any, receive: Any, send: Any) -> None:
        if _port(scope) == settings.WS_PORT:
            await port_http.application(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _route_socket(self, scope: Any, receive: Any, send: Any) -> None:
        await hub.start()  # no lifespan under daphne
        path = scope["path"].rstrip("/")
        if path == "/ws" or (path == "" and _port(scope) == settings.WS_PORT):
            await self._native(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4404})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await hub.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await _stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _stop() -> None:
    await recorder.drain()
    await hub.stop()
    await asyncio.to_thread(close_pool)


def _port(scope: Any) -> int:
    return int(scope["server"][1]) if scope.get("server") else 0


application = Application()
