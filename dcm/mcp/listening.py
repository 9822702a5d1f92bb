"""Subscriptions to resources: from the hub to a stream of the MCP SDK.

Nothing is replayed, and nothing has to be: an update says only that a resource is worth reading
again. Needs the SDK, see `dcm.mcp`.
"""

from collections.abc import Callable, Collection
from typing import Any

from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import ListenHandler, ResourceUpdated, ServerEvent
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)
from starlette.requests import Request

from dcm.lib.handler import Scope
from dcm.lib.keys.ring import ring
from dcm.mcp.caller import Caller
from dcm.mcp.resources import NoSuchResource, Resource
from realtime.fanout import hub
from realtime.log import Entry

MOST_STREAMS = 1_000
MOST_RESOURCES = 100

Context = ServerRequestContext[Any, Request]

_open: set["Watch"] = set()


class Watch:
    """Hears of these resources; both a subscriber of the hub and the bus of one stream."""

    def __init__(self, resources: dict[str, Resource]) -> None:
        self._resources = resources
        self._channels = {name for one in resources.values() for name in one.channels}
        self._listener: Callable[[ServerEvent], None] | None = None
        self._heard = 0

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        self._listener = listener
        for channel in self._channels:
            hub.subscribe(self, channel)
        return self._unsubscribe

    async def publish(self, event: ServerEvent) -> None:
        if self._listener is not None:
            self._listener(event)

    def wake(self, entry: Entry) -> None:
        """Once per channel of ours: the same event may come again."""
        if entry.seq > self._heard:
            self._heard = entry.seq
            self._tell([uri for uri, one in self._resources.items() if one.changes_with(entry)])

    def overhear(self, message: dict[str, Any]) -> None:
        """Values that the next tick replaces change no resource."""

    def end(self, code: int, reason: str = "") -> None:
        """The log begins anew, so anything may have changed."""
        self._heard = 0
        self._tell(self._resources)

    def _tell(self, uris: Collection[str]) -> None:
        if self._listener is not None:
            for uri in uris:
                self._listener(ResourceUpdated(uri=uri))

    def _unsubscribe(self) -> None:
        self._listener = None
        for channel in self._channels:
            hub.unsubscribe(self, channel)


class KeyHolder:
    """A stream that was let in by a key, which ends it."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    def end(self, code: int, reason: str = "") -> None:
        """As the server ends streams when it stops; coming back needs another key."""
        self._close()


def scope_of(ctx: Context) -> Scope:
    """The ASGI scope of the HTTP request that brought a message."""
    assert ctx.request is not None, "MCP is served over HTTP only"
    return ctx.request.scope


async def listen(
    ctx: Context, params: SubscriptionsListenRequestParams
) -> SubscriptionsListenResult:
    """One stream, until the client goes, its key ends, or the server stops."""
    scope = scope_of(ctx)
    caller: Caller = scope["dcm.caller"]
    uris = params.notifications.resource_subscriptions or []
    if len(uris) > MOST_RESOURCES:
        raise MCPError(INVALID_PARAMS, f"At most {MOST_RESOURCES} resources at once")
    if len(_open) >= MOST_STREAMS:
        raise MCPError(INTERNAL_ERROR, "Too many subscriptions: try again later")
    try:
        watch = Watch({uri: Resource.at(uri, caller) for uri in uris})
    except NoSuchResource as error:
        raise MCPError(INVALID_PARAMS, error.text) from None
    await hub.start()
    handler = ListenHandler(watch, max_subscriptions=1)
    holder, key_id = KeyHolder(handler.close), scope["dcm.key_id"]
    if key_id and not ring.hold(key_id, holder):
        raise MCPError(INTERNAL_ERROR, "Too many subscriptions with this API key")
    scope["state"]["farewell"] = handler.close
    _open.add(watch)
    try:
        return await handler(ctx, params)
    finally:
        _open.discard(watch)
        if key_id:
            ring.let_go(key_id, holder)
