"""`manage.py audit`: who did what to the server itself."""

import argparse
import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from dcm.lib.admin import inert
from dcm.lib.audit.models import AuditEntry
from dcm.lib.wire import wire_time
from realtime.selectors import parse_age


class Command(BaseCommand):
    help = "Show administrative acts, oldest first: keys, the admin, operators, cleanup, restores."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", type=_age, default="30d", metavar="AGE", help="how old, as 12h; default 30d"
        )
        parser.add_argument("--json", action="store_true", help="JSON lines, for programs")

    def handle(self, *args: Any, since: timedelta, **options: Any) -> None:
        entries = AuditEntry.objects.filter(at__gte=timezone.now() - since).order_by("id")
        for entry in entries.iterator():
            if options["json"]:
                names = ("by", "act", "about", "details")
                shown = {name: getattr(entry, name) for name in names}
                self.stdout.write(json.dumps({"at": wire_time(entry.at), **shown}))
            else:
                told = (entry.act, entry.about, entry.by)
                self.stdout.write("  ".join([wire_time(entry.at), *map(inert, told)]))


def _age(text: str) -> timedelta:
    age = parse_age(text)
    if not age:
        raise argparse.ArgumentTypeError(f"{text!r} is no age like 12h or 90d")
    return age
