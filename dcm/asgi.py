"""The application that all ports share, and every socket route."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")

import django

django.setup()

import asyncio
import importlib.util
from typing import Any

from django.conf import settings

from dcm.lib.batcher import Batcher
from dcm.lib.handler import LeanHandler
from dcm.lib.threads import ConnectionThreads

REALTIME = importlib.util.find_spec("realtime.fanout") is not None
if REALTIME:
    from realtime.consumers import NativeConsumer
    from realtime.fanout import hub

    from realtime import port_http

    native = NativeConsumer.as_asgi()
http = LeanHandler()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """HTTP, sockets and lifespan of one server process. Which port it came by says what is meant."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if REALTIME:
        await hub.start()  # without a lifespan, as under daphne, the first caller starts it
    serve = _http_route(scope) if scope["type"] == "http" else _socket_route(scope)
    await serve(scope, receive, send)


def _http_route(scope: Any) -> Any:
    return port_http.application if REALTIME and _port(scope) == settings.WS_PORT else http


def _socket_route(scope: Any) -> Any:
    path = scope["path"].rstrip("/")
    if REALTIME and (path == "/ws" or (path == "" and _port(scope) == settings.WS_PORT)):
        return native
    return _refuse


def _port(scope: Any) -> int | None:
    server = scope.get("server")
    return server[1] if server else None


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close"})


async def _live(receive: Any, send: Any) -> None:
    await receive()
    if REALTIME:
        await hub.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await Batcher.drain_all()
    if REALTIME:
        await hub.stop()
    await asyncio.to_thread(ConnectionThreads.close_all)
    await send({"type": "lifespan.shutdown.complete"})
