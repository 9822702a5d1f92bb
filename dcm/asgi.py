"""The application that all ports share, and every socket route."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")

import django

django.setup()

import asyncio
import gc
import sys
from typing import Any

from django.conf import settings

from dcm import metrics
from dcm.cleanup import sweep_for_ever
from dcm.health import log_outages
from dcm.lib import measures
from dcm.lib.batcher import Batcher
from dcm.lib.handler import LeanHandler
from dcm.lib.observing import timed
from dcm.lib.origins import header, is_our_host, may_open_socket
from dcm.lib.threads import ConnectionThreads
from dcm.mcp.endpoint import endpoint as mcp
from dcm.monitoring import telemetry
from dcm.monitoring.siblings import siblings
from realtime import port_http
from realtime.consumers import NativeConsumer
from realtime.fanout import hub
from sessions_app.trpc.consumers import CoordinatorConsumer

FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")
SWITCH_SECONDS = 0.0005
COLLECT_AFTER = (20_000, 20, 50)

http = LeanHandler()
counted_mcp = timed(mcp, "mcp")
native = NativeConsumer.as_asgi()
coordinator = CoordinatorConsumer.as_asgi()
KINDS = {native: "native", coordinator: "coordinator"}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """HTTP, sockets and lifespan of one server process; the port tells what is meant."""
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["type"] == "http":
        await _page(scope)(scope, receive, send)
    else:
        await hub.start()  # daphne knows no lifespan, so the first socket starts it
        await _converse(_socket(scope), scope, receive, send)


def _page(scope: Any) -> Any:
    port = _port(scope)
    if port not in (settings.WS_PORT, settings.COORDINATOR_PORT):
        return counted_mcp if scope["path"].rstrip("/") == "/mcp" else http
    if not is_our_host(header(scope, b"host") or ""):
        return misdirected
    return port_http.application if port == settings.WS_PORT else upgrade_required


async def _converse(socket: Any, scope: Any, receive: Any, send: Any) -> None:
    kind = KINDS.get(socket)
    if kind is None:
        await socket(scope, receive, send)
        return
    measures.sockets[kind] += 1
    try:
        await socket(scope, receive, send)
    finally:
        measures.sockets[kind] -= 1


def _socket(scope: Any) -> Any:
    path, port = scope["path"].rstrip("/"), _port(scope)
    if not _may_open(scope):
        return refuse
    if path == "/trpc" or port == settings.COORDINATOR_PORT:
        return coordinator
    if path == "/ws" or (path == "" and port == settings.WS_PORT):
        return native
    return refuse


def _may_open(scope: Any) -> bool:
    """Whether this names one of our hosts and no page of another site opens it."""
    origin = header(scope, b"origin")
    if origin is not None and not may_open_socket(origin):
        return False
    if not settings.PRODUCTION and any(header(scope, name) for name in FORWARDED):
        return False
    return is_our_host(header(scope, b"host") or "")


def _port(scope: Any) -> int | None:
    server = scope.get("server")
    return server[1] if server else None


async def misdirected(scope: Any, receive: Any, send: Any) -> None:
    """As HTTP on the main port answers it."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"error":"Host not allowed"}'})


async def upgrade_required(scope: Any, receive: Any, send: Any) -> None:
    """The coordinator's port speaks WebSocket only. Contract: coordinator 1."""
    body = b"Upgrade Required"
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", str(len(body)).encode()),
        (b"upgrade", b"websocket"),
    ]
    await send({"type": "http.response.start", "status": 426, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Close a socket before it is accepted: the client sees a 403."""
    await receive()
    await send({"type": "websocket.close"})


async def live(receive: Any, send: Any) -> None:
    """From the server's start to its end: the hub reads along, and nothing accepted is lost."""
    await receive()
    # The batcher's thread must not wait 5 ms for its turn after each answer of the database.
    sys.setswitchinterval(SWITCH_SECONDS)
    # What was loaded stays for good, so the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    # Not awaited: while the database is down HTTP answers already, with 503.
    starting = asyncio.create_task(hub.start())
    await siblings.start()
    stop_telling = telemetry.start()
    loops = (log_outages(), sweep_for_ever(), metrics.tell_for_ever())
    watching = [asyncio.create_task(loop) for loop in loops]
    await send({"type": "lifespan.startup.complete"})
    await receive()
    starting.cancel()
    for task in watching:
        task.cancel()
    await siblings.stop()
    await mcp.stop()
    await Batcher.drain_all()
    await hub.stop()
    await asyncio.to_thread(ConnectionThreads.close_all)
    await asyncio.to_thread(stop_telling)
    await send({"type": "lifespan.shutdown.complete"})
