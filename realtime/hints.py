"""Wake-up hints: "the log has grown", nothing more. Losing one costs a second.

A server process coalesces the hints of all its commits and sends them on from its event loop. A
process without one (a management command) notifies PostgreSQL itself.
"""

from collections.abc import Callable

from django.db import connection

NOTIFY_CHANNEL = "dcm_hint"
IN_PROCESS_LAYER = "channels.layers.InMemoryChannelLayer"

_listener: Callable[[], object] | None = None


def on_hint(listener: Callable[[], object] | None) -> None:
    """Name the function of this process that hears of its own commits; it must not block."""
    global _listener
    _listener = listener


def send_hint() -> None:
    if _listener is not None:
        _listener()
        return
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {NOTIFY_CHANNEL}")
