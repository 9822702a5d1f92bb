"""The application that all ports share, and every socket route."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")

import django

django.setup()

import asyncio
from typing import Any


from dcm.lib.batcher import Batcher
from dcm.lib.handler import LeanHandler
from dcm.lib.threads import ConnectionThreads

http = LeanHandler()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """HTTP, sockets and lifespan of one server process; the port says which."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await _refuse(receive, send)
    else:
        await http(scope, receive, send)


async def _refuse(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close"})


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await Batcher.drain_all()
    await asyncio.to_thread(ConnectionThreads.close_all)
    await send({"type": "lifespan.shutdown.complete"})
