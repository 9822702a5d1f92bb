"""`manage.py demo`: something to look at on the dashboard."""

import argparse
import math
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dcm.demo.player import DemoError, Player
from dcm.demo.script import RUN


class Command(BaseCommand):
    help = (
        "Play the run of several agents to a running server, over its HTTP API, again and again. "
        "Stop it with Ctrl-C or SIGTERM: what it began is then ended."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--speed", type=_speed, default=1.0, metavar="N", help="times faster (default: 1)"
        )
        parser.add_argument("--once", action="store_true", help="play the run only once")
        parser.add_argument(
            "--url",
            default=f"http://127.0.0.1:{settings.HTTP_PORT}",
            help="where the server is (default: %(default)s)",
        )

    def handle(self, *args: Any, speed: float, once: bool, url: str, **options: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            player = Player(url, api_key=settings.API_KEY, speed=speed)
            player.play(RUN, self._tell)
            while not once:
                player.play(RUN, self._tell)
        except DemoError as error:
            raise CommandError(" ".join(str(error).split())) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped")
        else:
            self.stdout.write(f"Played {len(RUN)} steps")

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed <= 1_000_000:  # NaN is not either
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return speed
