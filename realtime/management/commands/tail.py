"""`manage.py tail`: the event log in the terminal, as it grows."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from realtime.channel_names import is_channel
from realtime.hints import NOTIFY_CHANNEL, send_hint
from realtime.log import Entry
from realtime.selectors import (
    REPLAY_BATCH,
    Start,
    entries_between,
    head_of_log,
    parse_age,
    start_after,
    start_at,
    start_since,
)

LOOK_SECONDS = 1.0
COLOURS = {"failed": 31, "error": 31, "deleted": 33, "completed": 32, "created": 36, "blocked": 35}


class Command(BaseCommand):
    help = "Show events as they happen, from now on or from where you say. End it with Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--channel", action="append", help="only of this one; may be repeated")
        parser.add_argument("--since", metavar="AGE", help="begin so long ago: 90s, 10m, 2h, 1d")
        parser.add_argument("--after", metavar="ID", help="go on after this event, msg_…")
        parser.add_argument("--once", action="store_true", help="end when there is nothing more")
        parser.add_argument(
            "--json", action="store_true", help="one frame per line, as sockets get"
        )

    def handle(self, *args: Any, channel: list[str] | None, once: bool, **options: Any) -> None:
        for name in channel or ():
            if not is_channel(name):
                raise CommandError(
                    f"{name} is no channel: global, agents/…, sessions/… or topics/…"
                )
        start = _start(options["since"], options["after"])
        if not start.recovered:
            self.stderr.write(f"Events are missing before these ({start.reason})")
        last = ""
        try:
            for entry in _follow(start.after, channel, once=once):
                frame = entry.frame(entry.channels[0])
                self.stdout.write(frame if options["json"] else self.line(frame, entry))
                last = orjson.loads(frame)["id"]
        except KeyboardInterrupt:
            if last:
                self.stderr.write(f"\nGo on with: manage.py tail --after {last}")

    def line(self, frame: str, entry: Entry) -> str:
        event = orjson.loads(frame)
        at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).strftime("%H:%M:%S")
        name = f"{entry.type:<22}"
        if self.stdout.isatty():
            name = f"\033[{COLOURS.get(entry.type.rpartition('.')[2], 37)}m{name}\033[0m"
        about = " ".join(f"{key}={_plain(value)}" for key, value in event["data"].items())
        return f"{at} {name} {about}"


def _plain(value: Any) -> str:
    """In one line, and without control characters: what was recorded is data."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return "".join(c if c.isprintable() else " " for c in text)[:120]


def _start(since: str | None, after: str | None) -> Start:
    if after:
        return start_after(after)
    if since:
        age = parse_age(since)
        if age is None:
            raise CommandError(f"--since {since}: expected an age like 90s, 10m, 2h or 1d")
        return start_since(age)
    return start_at(head_of_log())


def _follow(after: int, channels: list[str] | None, *, once: bool) -> Iterator[Entry]:
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {NOTIFY_CHANNEL}")
    greeted_at = float("-inf")
    while True:
        head = head_of_log()
        entries = entries_between(after=after, upto=head, channels=channels)
        yield from entries
        if len(entries) == REPLAY_BATCH:
            after = entries[-1].seq
            continue
        after = max(after, head)
        if once:
            return
        began = time.monotonic()
        if began - greeted_at >= LOOK_SECONDS:
            greeted_at = began
            send_hint()  # a server that hears nothing of others tells them nothing
        own = connection.connection.info.backend_pid
        for hint in connection.connection.notifies(timeout=LOOK_SECONDS):
            if hint.pid != own:
                break
        if time.monotonic() - began < LOOK_SECONDS / 100:
            time.sleep(LOOK_SECONDS / 100)
