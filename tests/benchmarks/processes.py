"""What the server and its PostgreSQL spend."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil


def family_of(pid: int) -> list[psutil.Process]:
    """The process, and those that it started, without PostgreSQL."""
    process = psutil.Process(pid)
    children = process.children(recursive=True)
    return [process, *(each for each in children if each.name() != "postgres")]


def database_of(home: Path) -> Iterator[psutil.Process]:
    """The processes of a server's own PostgreSQL: they work in its folder."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd().startswith(str(home)):
                yield process


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    spent = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            spent += sum(process.cpu_times()[:2])
    return spent
