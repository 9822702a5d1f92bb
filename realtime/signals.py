"""What apps above may hear."""

from typing import Any

from django.dispatch import Signal

agent_alive = Signal()
"""A socket of this agent pinged; every half minute at most.

agent_id: str; session_id: str or None.
"""


def tell_alive(who: dict[str, Any]) -> None:
    agent_alive.send(None, **who)
