"""Deleting what is no longer wanted: in small batches, by one process at a time.

Each app names its own stale rows as a `Pruning` in its `pruning.py`, and has a `prune_*` command.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, models, transaction

from dcm.lib.audit.services import at_the_command_line, note

BATCH = 500


@dataclass(frozen=True)
class Pruning:
    """noun: of the rows, plural. count: how many are stale now. batch: delete up to BATCH."""

    noun: str
    count: Callable[[], int]
    batch: Callable[[], int]


def of_rows(noun: str, stale: Callable[[], "models.QuerySet[Any]"]) -> Pruning:
    """Rows that simply go."""
    return Pruning(noun, lambda: stale().count(), lambda: _delete_some(stale()))


def _delete_some(stale: "models.QuerySet[Any]") -> int:
    rows = stale.order_by("pk").select_for_update(skip_locked=True)
    keys = list(rows.values_list("pk", flat=True)[:BATCH])
    deleted: int = stale.model._default_manager.filter(pk__in=keys).delete()[0]
    return deleted


def prune(pruning: Pruning, tell: Callable[[int], None] = lambda deleted: None) -> int:
    """Delete all stale rows and return how many; `tell` hears the sum after each batch."""
    deleted = 0
    while True:
        with transaction.atomic():
            found = pruning.batch() if _is_our_turn(pruning.noun) else 0
        deleted += found
        tell(deleted)
        if found < BATCH:
            return deleted


def _is_our_turn(noun: str) -> bool:
    """Until the commit. A lock of the transaction: one of the connection would outlive a pooler."""
    key = zlib.crc32(f"dcm prune {noun}".encode())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
        return bool(cursor.fetchone()[0])


class PruneCommand(BaseCommand):
    """`manage.py prune_<noun> [--dry-run]`. A subclass names its pruning."""

    pruning: ClassVar[Pruning]
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        self.sweep([self.pruning], dry_run=dry_run)

    def sweep(self, prunings: Iterable[Pruning], *, dry_run: bool) -> None:
        """Say what was done with each; what was deleted is recorded."""
        deleted: dict[str, int] = {}
        for pruning in prunings:
            if dry_run:
                self.stdout.write(f"Would prune {pruning.count()} {pruning.noun}")
                continue
            number = prune(pruning, partial(self.progress, pruning.noun))
            self.stdout.write(f"Pruned {number} {pruning.noun}")
            deleted |= {pruning.noun: number} if number else {}
        if deleted:
            note("cleanup", by=at_the_command_line(), about=", ".join(deleted), **deleted)

    def progress(self, noun: str, deleted: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{noun}: {deleted}", ending="")
