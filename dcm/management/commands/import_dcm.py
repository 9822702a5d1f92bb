"""`manage.py import_dcm`: moves over from the original service."""

import shutil
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from dcm.imports.services import AnotherImport, Progress, import_all, try_all
from dcm.imports.source import Source, SourceError
from dcm.lib.audit.services import at_the_command_line, note
from dcm.serving import database

AGAIN = "run the same command again to go on"
HEADS = ("", "rows", "copied", "here already", "mended", "left out")


class Command(BaseCommand):
    help = (
        "Copy a database of the original service into this one. The original is only read. A run "
        "that was stopped goes on where it was; one after the end copies what has come since."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--database-url",
            required=True,
            metavar="URL",
            help="of the original: postgresql://user@host:5432/claude_context; "
            "a password may also come from PGPASSWORD or ~/.pgpass",
        )
        parser.add_argument("--dry-run", action="store_true", help="change nothing, only count")

    def handle(self, *args: Any, database_url: str, dry_run: bool, **options: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        began = time.monotonic()
        try:
            self._prepare()
            with Source.open(database_url) as source:
                self.stdout.write(f"Reading {source.name}")
                work = try_all if dry_run else import_all
                report = work(source, Bar(self.stderr, began).show)
                if not dry_run:
                    copied = {each.noun: each.copied for each in report}
                    note("import", by=at_the_command_line(), about=source.name, **copied)
        except (SourceError, database.Unreachable) as error:
            raise CommandError(str(error)) from None
        except OperationalError as error:
            lost = database.is_unreachable(error)
            reason = database.unreachable(error) if lost else str(error).splitlines()[0]
            raise CommandError(f"{reason}; {AGAIN}") from None
        except AnotherImport:
            raise CommandError("another import of the same database is running") from None
        except KeyboardInterrupt:
            raise CommandError(f"stopped; {AGAIN}") from None
        self.stdout.write("\n".join(_table(report)))
        self.stdout.write(_summary(report, time.monotonic() - began, dry_run=dry_run))

    def _prepare(self) -> None:
        database.wait_until_reachable(1)
        database.migrate()


class Bar:
    """How far each table is: a line that moves on a terminal, else nothing."""

    def __init__(self, stream: Any, began: float) -> None:
        self._stream = stream
        self._began = began
        self._rows: dict[str, int] = {}

    def show(self, progress: Progress) -> None:
        if not self._stream.isatty():
            return
        self._rows[progress.noun] = progress.read
        share = progress.read / progress.total if progress.total else 1.0
        pace = sum(self._rows.values()) / max(time.monotonic() - self._began, 0.1)
        figures = f" {share:4.0%}  {progress.read:,} of {progress.total:,}  {pace:,.0f} rows/s"
        width = max(shutil.get_terminal_size().columns - len(figures) - 18, 10)
        bar = "\N{FULL BLOCK}" * round(share * width)
        end = "\n" if progress.read >= progress.total else ""
        self._stream.write(
            f"\r{progress.noun:<15}{bar:\N{LIGHT SHADE}<{width}}{figures}", ending=end
        )


def _table(report: Sequence[Progress]) -> list[str]:
    rows = [
        (
            each.noun,
            *(f"{n:,}" for n in (each.read, each.copied, each.known, each.mended)),
            f"{each.left_out.total():,}",
        )
        for each in report
    ]
    widths = [max(map(len, column)) for column in zip(HEADS, *rows, strict=True)]
    return ["  ".join(_aligned(row, widths)) for row in (HEADS, *rows)]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Texts to the left, figures to the right."""
    figures = zip(cells[1:], widths[1:], strict=True)
    return [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in figures)]


def _summary(report: Sequence[Progress], seconds: float, *, dry_run: bool) -> str:
    lines = [
        f"Left out: {count:,} {each.noun}, {reason}"
        for each in report
        for reason, count in sorted(each.left_out.items())
    ]
    copied = sum(each.copied for each in report)
    verb = "Would copy" if dry_run else "Copied"
    return "\n".join([*lines, f"{verb} {copied:,} rows in {seconds:.1f} s"])
