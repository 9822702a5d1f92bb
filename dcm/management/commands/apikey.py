"""`manage.py apikey create|list|revoke`: who may call the server."""

import argparse
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from dcm.lib.audit.services import at_the_command_line
from dcm.lib.errors import DomainError
from dcm.lib.keys.models import ApiKey
from dcm.lib.keys.services import create_key, revoke_key
from dcm.lib.wire import wire_time
from projects.services.projects import upsert_project
from realtime.selectors import parse_age

LONGEST_NAME = 200


class Command(BaseCommand):
    help = "Make, list and revoke API keys. A key is shown once, when it is made."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        create = what.add_parser("create", help="make a key and show it")
        create.add_argument("name", type=_name, help="whose it is, for people who read the list")
        create.add_argument("--scope", choices=ApiKey.Scope.values, default=ApiKey.Scope.AGENT)
        create.add_argument(
            *("--project", "-p"),
            action="append",
            type=_name,
            metavar="PATH",
            help="only this project, made if it is not there; may be repeated",
        )
        create.add_argument(
            *("--agent", "-a"),
            action="append",
            type=_name,
            metavar="PATTERN",
            help="only as agents with such an id, such as web-*; may be repeated",
        )
        create.add_argument(
            "--expires", type=_age, metavar="AGE", help="opens nothing after so long: 12h, 90d"
        )
        every = what.add_parser("list", help="show the keys, but not what they are")
        revoke = what.add_parser("revoke", help="a key opens nothing any more")
        revoke.add_argument("id", type=_name, help="as the list shows it")
        for each in (create, every, revoke):
            each.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        try:
            lines, value = getattr(self, f"_{what}")(options)
        except DomainError as error:
            raise CommandError(error.text) from None
        if options["json"]:
            self.stdout.write(json.dumps(value))
        else:
            self.stdout.write("\n".join(lines))

    def _create(self, options: dict[str, Any]) -> tuple[list[str], Any]:
        key, text = create_key(
            name=options["name"],
            scope=options["scope"],
            projects=_projects(options["project"]),
            agents=options["agent"],
            expires_at=timezone.now() + options["expires"] if options["expires"] else None,
            by=at_the_command_line(),
        )
        return [text], {**_shown(key), "key": text}

    def _list(self, options: dict[str, Any]) -> tuple[list[str], Any]:
        shown = [_shown(key) for key in ApiKey.objects.order_by("-created_at", "id")]
        lines = [
            "  ".join(
                (
                    key["id"],
                    f"{key['state']:<8}",
                    f"{key['scope']:<8}",
                    f"{key['last_used_at'] or 'unused':<24}",
                    key["name"],
                )
            )
            for key in shown
        ]
        return lines or ["There are no keys"], shown

    def _revoke(self, options: dict[str, Any]) -> tuple[list[str], Any]:
        key = revoke_key(options["id"], by=at_the_command_line())
        return [f"Revoked {key.id} ({key.name})"], _shown(key)


def _shown(key: ApiKey) -> dict[str, Any]:
    state = "live"
    if key.revoked_at is not None:
        state = "revoked"
    elif key.expires_at is not None and key.expires_at <= timezone.now():
        state = "expired"
    moments = ("created_at", "expires_at", "revoked_at", "last_used_at")
    return {
        "id": key.id,
        "name": key.name,
        "state": state,
        "scope": key.scope,
        "projects": None if key.projects is None else [str(each) for each in key.projects],
        "agents": key.agents,
        "created_by": key.created_by,
        **{name: at and wire_time(at) for name in moments for at in [getattr(key, name)]},
    }


def _projects(paths: list[str] | None) -> list[UUID] | None:
    return None if paths is None else [upsert_project(path=path).id for path in paths]


def _name(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {LONGEST_NAME} characters of text are needed")
    return text


def _age(text: str) -> timedelta:
    age = parse_age(text)
    if not age or age > timedelta(days=3650):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no age like 12h or 90d, of ten years at most"
        )
    return age
