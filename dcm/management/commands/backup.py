"""`manage.py backup`: the whole database in one file, while the server runs."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dcm.backup import dump
from dcm.backup.programs import EXPECTED, reachable_database
from dcm.backup.progress import Progress


class Command(BaseCommand):
    help = "Write the whole database into one file, while the server runs. See docs/backup.md."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "to", type=Path, nargs="?", default=Path(), help="a file, or a folder (default: here)"
        )
        parser.add_argument("--force", action="store_true", help="replace the file")
        parser.add_argument(
            "--keep", type=_number, metavar="N", help="of a folder's backups delete all older ones"
        )

    def handle(
        self, *args: Any, to: Path, force: bool, keep: int | None, verbosity: int, **options: Any
    ) -> None:
        if keep and not to.is_dir():
            raise CommandError(f"--keep is for folders, and {to} is none")
        file = dump.file_for(to) if to.is_dir() else to
        try:
            with reachable_database(), Progress(self.stderr, verbosity) as progress:
                size = dump.write(file, tell=progress.tell, replace=force)
            self.stdout.write(f"Backed up {progress.tables} tables to {file}: {size} bytes")
            if keep:
                dump.forget_old(to, keep=keep, tell=self._tell_deleted)
        except EXPECTED as error:
            raise CommandError(str(error).strip()) from error

    def _tell_deleted(self, file: Path) -> None:
        self.stdout.write(f"Deleted {file}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:5]) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10,000")
    return int(text)
