"""The documentation lists every event type that there is, and no other."""

import re
from pathlib import Path

from realtime.events import event_types
from realtime.services import CLIENT_EVENTS

EVENTS = Path(__file__).parents[2] / "docs" / "events.md"
ROW = re.compile(r"^\| `([a-z_.]+)` \|", re.MULTILINE)


def test_every_event_type_is_documented() -> None:
    documented = set(ROW.findall(EVENTS.read_text()))

    assert documented == event_types() | CLIENT_EVENTS
