"""Reading a backup back: whole, or the database stays as it was."""

from pathlib import Path

from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from dcm.backup.dump import check
from dcm.backup.programs import BackupError, Tell, read_into_database
from dcm.lib.audit.services import at_the_command_line, note
from dcm.serving import set_aside
from dcm.serving.database import alone, migrate
from realtime.services import begin_new_epoch

OWN_ROWS_ONLY = (
    *("--no-owner", "--no-privileges", "--no-comments", "--no-tablespaces"),
    *("--no-publications", "--no-subscriptions", "--no-security-labels"),
)


def restore(file: Path, *, replace: bool, tell: Tell) -> None:
    """Make the database what it was when this backup was written, in a new epoch of the event log.

    replace: also when there is something in it. Meanwhile servers that start wait. Raises
    BackupError.
    """
    check(file)
    with alone() as holder:
        _refuse_while_in_use(holder)
        if set_aside.is_set_aside():  # an earlier restore was killed
            set_aside.put_back()
        was_empty = set_aside.is_empty()
        if not (was_empty or replace):
            raise BackupError(
                "the database is not empty: --force replaces what is in it, and deletes that"
            )
        set_aside.set_aside()
        try:
            _read(file, tell)
        except BaseException:
            set_aside.put_back()
            raise
        set_aside.let_go()
    migrate()


def _read(file: Path, tell: Tell) -> None:
    read_into_database(*OWN_ROWS_ONLY, "--verbose", str(file), at_table=tell)
    _refuse_newer()
    with transaction.atomic():
        epoch = begin_new_epoch()
        note("restore", by=at_the_command_line(), about=file.name, epoch=epoch)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # else plans are guesses until the next autovacuum


def _refuse_newer() -> None:
    """Tables that this version does not know cannot be brought up to date."""
    known = MigrationLoader(None).disk_migrations
    names = {*known, *(old for each in known.values() for old in each.replaces)}
    unknown = sorted(set(MigrationRecorder(connection).applied_migrations()) - names)
    if unknown:
        app, name = unknown[-1]
        raise BackupError(f"the backup is of a newer version (it has {app} {name}): upgrade first")


def _refuse_while_in_use(holder: int) -> None:
    """A server would meet tables that are not there, and write into what is being replaced.

    holder: of our lock, which is no other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND pid <> %s",
            [holder],
        )
        (others,) = cursor.fetchone()
    if others:
        raise BackupError(
            f"the database has {others} other connections: stop every server that uses it first"
        )
