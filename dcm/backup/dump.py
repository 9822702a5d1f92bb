"""Writing a backup: a snapshot of one moment, while the server goes on."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from dcm.backup.programs import BackupError, Tell, database_argument, run

SUFFIX = ".dump"
CONTENTS = "TABLE DATA public realtime_eventhead"
"""What the list of contents of every backup of ours names."""


def file_for(folder: Path) -> Path:
    """A new name in this folder, by the time; names sort by age."""
    return folder / f"dcm-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def write(file: Path, *, tell: Tell, replace: bool = False) -> int:
    """Back up the database into this file, for its owner only; its size in bytes.

    It gets its name once it is whole and can be read back. Raises BackupError.
    """
    if file.exists() and not replace:
        raise BackupError(f"{file} is there already: choose another name, or --force")
    making = file.with_name(f"{file.name}.partial")
    try:
        making.unlink(missing_ok=True)
        making.touch(mode=0o600)
        arguments = ["--format=custom", "--verbose", f"--file={making}", database_argument()]
        run("pg_dump", *arguments, at_table=tell)
        if CONTENTS not in _contents(making):
            raise BackupError("there is nothing to back up: the database has no tables of DCM yet")
        with making.open("rb") as written:
            os.fsync(written.fileno())
        size = making.stat().st_size
        making.rename(file)
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {error}") from None
    finally:
        making.unlink(missing_ok=True)
    return size


def check(file: Path) -> None:
    """Raises BackupError when it is none of ours, or cannot be read."""
    if not file.is_file():
        raise BackupError(f"{file} is no file")
    if CONTENTS not in _contents(file):
        raise BackupError(f"{file} is no backup of DCM")


def _contents(file: Path) -> str:
    return run("pg_restore", "--list", str(file))


def forget_old(folder: Path, *, keep: int, tell: Callable[[Path], None]) -> None:
    """Delete all but the newest backups of this folder, as file_for() names them."""
    for file in sorted(folder.glob(f"dcm-*Z{SUFFIX}"))[:-keep]:
        file.unlink(missing_ok=True)
        tell(file)
