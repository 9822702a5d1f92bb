"""The ASGI application at /mcp: who may pass, and the life of the SDK behind it.

The SDK is loaded and started by the first request, in a task of its own: what it opens must be
closed by the same task, and under daphne there is no lifespan that could do either.
"""

import asyncio
import importlib
import io
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from dcm.access import check_unlimited
from dcm.lib.api import error_response, json_response
from dcm.lib.errors import Forbidden, Malformed
from dcm.lib.handler import Receive, Scope, Send, headers_of
from dcm.lib.keys import admission
from dcm.lib.keys.admission import admit_request
from dcm.lib.middleware import refusal
from dcm.lib.origins import header, may_open_socket
from dcm.mcp.caller import Caller
from dcm.mcp.toolsets import tools_named

logger = logging.getLogger("dcm.mcp")

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Endpoint:
    def __init__(self) -> None:
        self._life: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[Application] | None = None
        self._ending = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        admitted = await _admit(scope)
        if isinstance(admitted, HttpResponseBase):
            await _send(admitted, send)
            return
        try:
            application = await self._start()
        except Exception as error:  # noqa: BLE001  every error has an envelope
            await _send(error_response(error, failure="MCP is not available"), send)
            return
        known = {"state": scope.get("state", {}), **admitted}
        await application({**scope, **known}, receive, _open_to_pages(send))

    async def stop(self) -> None:
        """Cancel what is still under way. The next request starts it again."""
        self._ending.set()
        if self._life is not None:
            await self._life
        self._ending.clear()

    async def _start(self) -> Application:
        if self._begun is None:
            self._begun = asyncio.get_running_loop().create_future()
            self._life = asyncio.create_task(self._live(self._begun), name="mcp")
        return await asyncio.shield(self._begun)

    async def _live(self, begun: "asyncio.Future[Application]") -> None:
        try:
            # In a thread: half a second in which sockets and hooks want answers.
            server = await asyncio.to_thread(importlib.import_module, "dcm.mcp.server")
            manager = server.new_manager()
            async with manager.run():
                begun.set_result(manager.handle_request)
                await self._ending.wait()
        except Exception as error:
            if begun.done():
                logger.exception("MCP broke off")
            else:
                begun.set_exception(error)
        finally:
            self._begun = None  # the next request may try again


async def _admit(scope: Scope) -> dict[str, Any] | HttpResponseBase:
    """Who calls and with which key, or the answer to who may not, by the rules of REST."""
    origin = header(scope, b"origin")
    if origin is not None and not may_open_socket(origin):
        return error_response(Forbidden("Origin not allowed"))
    try:
        request = ASGIRequest(scope, io.BytesIO())
        refused = refusal(request)
        if refused is not None:
            return refused
        holder = await admit_request(request)
        check_unlimited(holder)
        if request.method != "POST":
            return _post_only()
        caller = Caller.read(request.GET)
        tools_named(caller.tools)
    except UnicodeDecodeError:
        return error_response(Malformed(message="The query string is not ASCII"))
    except Exception as error:  # noqa: BLE001  every error has an envelope
        return admission.refusal(error)
    return {"dcm.caller": caller, "dcm.key_id": holder.key_id}


def _post_only() -> HttpResponse:
    """A stream that a GET would open carries nothing here: clients do without it on 405."""
    response = json_response(
        {"error": "Method not allowed", "message": "MCP is spoken by POST"}, 405
    )
    response["Allow"] = "POST"
    return response


async def _send(response: Any, send: Send) -> None:
    start = {"status": response.status_code, "headers": headers_of(response)}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": response.content})


def _open_to_pages(send: Send) -> Send:
    """CORS as for REST; pages of other sites were refused before."""

    async def send_on(message: Any) -> None:
        if message["type"] == "http.response.start":
            allowed = (b"access-control-allow-origin", b"*")
            message = {**message, "headers": [*message.get("headers", ()), allowed]}
        await send(message)

    return send_on


endpoint = Endpoint()
