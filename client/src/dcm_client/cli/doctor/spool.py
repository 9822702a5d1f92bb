"""Can events wait here, and do any."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dcm_client.cli.doctor.findings import Finding, ok, problem, warning
from dcm_client.spool import LARGEST_SPOOL, Spool, default_folder

LITTLE_ROOM = 64 * 1024


def check_spool() -> Iterator[Finding]:
    folder = Path(default_folder(dict(os.environ)))
    error = _try_to_write(folder)
    if error is not None:
        yield _cannot_write(folder, error)
    spool = Spool(str(folder))
    waiting = spool.waiting()
    if waiting.events:
        text = f"{waiting.events} events wait in {folder} since {waiting.since}"
        advice = "the next hook that reaches the server sends them; `dcm flush` does so now"
        yield warning("spool", text, advice)
        if waiting.bytes > LARGEST_SPOOL * 0.8:
            text = f"{waiting.bytes >> 20} MB of {LARGEST_SPOOL >> 20}: the oldest day goes next"
            yield warning("spool", text, "bring the server back, then `dcm flush`")
    elif error is None:
        yield ok("spool", f"{folder} can be written, nothing waits")
    if spool.is_resting():
        text = "the server let a hook wait in vain: hooks do not try for ten seconds"
        yield warning("spool", text, "is the server slow, or stuck?")


def _try_to_write(folder: Path) -> OSError | None:
    """As much as an event may need."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * LITTLE_ROOM)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def _cannot_write(folder: Path, error: OSError) -> Finding:
    lost = "events that the server does not take are lost meanwhile"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return problem("spool", f"the disk of {folder} is full: {lost}", "make room on it")
    text = f"{folder} cannot be written ({error.strerror}): {lost}"
    return problem("spool", text, "give it to your user, or set DCM_SPOOL to another folder")
