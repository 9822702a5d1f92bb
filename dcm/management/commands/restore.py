"""`manage.py restore`: the database becomes what it was when a backup was written."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dcm.backup.programs import EXPECTED, reachable_database
from dcm.backup.progress import Progress
from dcm.backup.restore import restore


class Command(BaseCommand):
    help = "Read a backup back into the database, while no server uses it. See docs/backup.md."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="what `manage.py backup` has written")
        parser.add_argument(
            "--force", action="store_true", help="replace what is in the database, and delete that"
        )

    def handle(self, *args: Any, file: Path, force: bool, verbosity: int, **options: Any) -> None:
        try:
            with reachable_database(), Progress(self.stderr, verbosity) as progress:
                restore(file, replace=force, tell=progress.tell)
        except EXPECTED as error:
            raise CommandError(str(error).strip()) from error
        self.stdout.write(f"Restored {progress.tables} tables from {file}")
