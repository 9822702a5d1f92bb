"""Events that wait for the server: JSON lines, one file per day, replayed in order.

A file is appended to, and removed once it was replayed, under a lock of its own that is held for
moments. Who replays holds `replay.lock`, so that two do not replay at once, and notes in
`position` how far it came. A crash at any point leaves at worst one event that is sent twice.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, NamedTuple

LARGEST_SPOOL = 64 * 1024 * 1024
REST_SECONDS = 10
_SUFFIX = ".jsonl"


def default_folder(environment: dict[str, str]) -> str:
    state = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return environment.get("DCM_SPOOL") or f"{state}/dcm/spool"


class Waiting(NamedTuple):
    """since: the day of the oldest, as in 2026-03-04."""

    events: int
    bytes: int
    since: str | None


class Spool:
    """Raises OSError from everything that finds the folder unusable."""

    def __init__(self, folder: str, *, largest: int = LARGEST_SPOOL) -> None:
        self._folder = folder
        self._largest = largest

    def is_empty(self) -> bool:
        return not self._days()

    def waiting(self) -> Waiting:
        """What waits now; nothing, when the folder cannot be read."""
        events, size, since = 0, 0, None
        with contextlib.suppress(OSError):
            for day in self._days():
                file = self._open(day, os.O_RDONLY)
                with os.fdopen(file, "rb") as lines:
                    lines.seek(self._position(file))
                    events += sum(1 for line in lines if line.strip())
                    size += os.fstat(file).st_size
                since = since or day.removesuffix(_SUFFIX)
        return Waiting(events, size, since)

    def append(self, line: bytes) -> None:
        """Add an event after all others; the oldest day goes when there is no more room."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)  # noqa: PTH103
        if not self._make_room(len(line) + 1):
            return
        with self._newest() as file:
            size = os.fstat(file).st_size
            # Half a line, of a machine that went down, must not spoil this one.
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            data = (b"\n" if torn else b"") + line + b"\n"
            if os.write(file, data) < len(data):  # the disk is full
                os.ftruncate(file, size)

    def rest(self) -> None:
        """Note that the server lets us wait: the next hooks need not find out for themselves."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)  # noqa: PTH103
        os.close(self._open("resting", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
        os.utime(self._path("resting"))

    def is_resting(self) -> bool:
        try:
            noted = os.stat(self._path("resting")).st_mtime  # noqa: PTH116
        except OSError:
            return False
        return abs(time.time() - noted) < REST_SECONDS

    def replay(self, send: Callable[[bytes], None]) -> int:
        """Hand each event to `send`, oldest first, until it raises; how many it took.

        Returns at once when another process is replaying.
        """
        sent = 0
        with self._replaying() as is_mine:
            for day in self._days() if is_mine else ():
                with contextlib.closing(self._lines(day)) as lines:
                    for line in lines:
                        send(line)
                        sent += 1
        return sent

    # --- files ----------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def _days(self) -> list[str]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.endswith(_SUFFIX))

    def _make_room(self, needed: int) -> bool:
        sizes = {day: os.stat(self._path(day)).st_size for day in self._days()}  # noqa: PTH116
        while sizes and sum(sizes.values()) + needed > self._largest:
            if len(sizes) == 1:
                return False
            oldest = min(sizes)
            del sizes[oldest]
            os.unlink(self._path(oldest))  # noqa: PTH108
        return True

    @contextlib.contextmanager
    def _newest(self) -> Iterator[int]:
        """Today's file, locked; the clock may go backwards, the order of events may not."""
        while True:
            name = max([time.strftime("%Y-%m-%d") + _SUFFIX, *self._days()])
            file = self._open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_nlink:  # else it was replayed and removed meanwhile
                    yield file
                    return
            finally:
                os.close(file)

    def _open(self, name: str, flags: int) -> int:
        return os.open(self._path(name), flags | os.O_CLOEXEC, 0o600)

    # --- replay ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _replaying(self) -> Iterator[bool]:
        if self.is_empty():
            yield False
            return
        lock = self._open("replay.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def _lines(self, day: str) -> Generator[bytes, None, None]:
        """Lines not replayed yet; the file is removed after the last, the place noted before."""
        try:
            file = self._open(day, os.O_RDONLY)
        except FileNotFoundError:
            return
        position = self._position(file)
        try:
            with open(file, "rb", closefd=False) as lines:
                while not self._is_done(day, file, position):
                    line = _line_at(lines, position)
                    if line.startswith(b"{") and line.endswith(b"}\n"):
                        yield line[:-1]
                    position += len(line)
        finally:
            if os.fstat(file).st_nlink:
                self._note(file, position)
            os.close(file)

    def _is_done(self, day: str, file: int, position: int) -> bool:
        """Whether all of the file was replayed; it is gone then, and who appends makes another."""
        if position < os.fstat(file).st_size:
            return False
        with _locked(file):
            if position < os.fstat(file).st_size:
                return False
            for name in ("position", day):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path(name))  # noqa: PTH108
            return True

    def _position(self, file: int) -> int:
        try:
            noted = self._open("position", os.O_RDONLY)
        except FileNotFoundError:
            return 0
        try:
            inode, _, number = os.read(noted, 100).decode(errors="replace").partition(" ")
        finally:
            os.close(noted)
        status = os.fstat(file)
        is_of_file = inode == str(status.st_ino) and number.isdecimal()
        return int(number) if is_of_file and int(number) <= status.st_size else 0

    def _note(self, file: int, position: int) -> None:
        noted = self._open("position", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(noted, f"{os.fstat(file).st_ino} {position}".encode())
        finally:
            os.close(noted)


@contextlib.contextmanager
def _locked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _line_at(lines: BinaryIO, position: int) -> bytes:
    lines.seek(position)
    line = lines.readline()
    if not line.endswith(b"\n"):  # somebody is writing it
        with _locked(lines.fileno()):
            lines.seek(position)
            line = lines.readline()
    return line
