"""Events of other programs: they NOTIFY dcm_events, as the original's REST processes do.

One server process at a time listens; what it hears goes into the log like anything else. Contract:
websocket 12.
"""

import logging

import orjson

from dcm.lib.errors import tellable
from realtime.channel_names import GLOBAL, is_channel
from realtime.events import event_types
from realtime.publish import Addressed
from realtime.services import CLIENT_EVENTS, ClientEvent, announcer

logger = logging.getLogger("dcm.realtime")

NOTIFY_CHANNEL = "dcm_events"
LOCK = 0x64636D62
PUBLISHER = "dcm_events"

_KNOWN = CLIENT_EVENTS | event_types()


def parse(payload: str) -> Addressed | None:
    """The event of a notification; None for what is no event of ours on a channel of ours."""
    try:
        said = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict) or not is_channel(said.get("channel")):
        return None
    event = said.get("event")
    if not isinstance(event, str) or event not in _KNOWN:
        return None
    channels = dict.fromkeys([GLOBAL, str(said["channel"])])
    return Addressed(ClientEvent(name=event, payload=said.get("data", {})), [*channels], PUBLISHER)


async def take(payload: str) -> None:
    """Publish what a notification says."""
    said = parse(payload)
    if said is None:
        logger.warning("a notification on %s is no event: %.200r", NOTIFY_CHANNEL, payload)
        return
    try:
        await announcer.submit(said)
    except Exception as error:
        if tellable(error) is None:
            raise
        logger.warning("an event of another program is lost: %s", error)
