"""The client side of DCM: DCMClient, AsyncDCMClient, EventStream and their errors.

What is asked for is imported then, so that the hook, which needs none of it, starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcm_client.errors import (
        Conflict,
        ConnectionFailed,
        DCMError,
        NotAuthorized,
        NotFound,
        Overloaded,
        RequestRefused,
        ServerFailed,
        StreamClosed,
        StreamRefused,
        ValidationFailed,
    )
    from dcm_client.events import Event, EventStream
    from dcm_client.rest import AsyncDCMClient, DCMClient

__all__ = [
    "AsyncDCMClient",
    "Conflict",
    "ConnectionFailed",
    "DCMClient",
    "DCMError",
    "Event",
    "EventStream",
    "NotAuthorized",
    "NotFound",
    "Overloaded",
    "RequestRefused",
    "ServerFailed",
    "StreamClosed",
    "StreamRefused",
    "ValidationFailed",
]

_HOMES = {
    "AsyncDCMClient": "rest",
    "DCMClient": "rest",
    "Event": "events",
    "EventStream": "events",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"dcm_client.{_HOMES.get(name, 'errors')}"), name)
