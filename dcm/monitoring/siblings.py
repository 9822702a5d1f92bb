"""The processes of one server tell each other their figures, by sockets in a folder of theirs.

prometheus_client's own way for several processes, files that each maps into memory, makes counting
itself slower, keeps files of processes that are gone, and knows no figures that are looked up only
when somebody asks, as queues and sockets are. Here all of the work is done when Prometheus comes.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson

from dcm.monitoring.families import Sample
from dcm.monitoring.figures import of_this_process

FOLDER = "DCM_SIBLINGS"
"""Variable by which `serve` tells its processes where they meet; one alone needs no such place."""

PATIENCE_SECONDS = 1.0


@contextlib.contextmanager
def meeting_place() -> Iterator[None]:
    """A folder that only this user may enter, for as long as the server runs."""
    with tempfile.TemporaryDirectory(prefix="dcm-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


class Siblings:
    def __init__(self) -> None:
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        folder = os.environ.get(FOLDER)
        if folder:
            address = Path(folder, str(os.getpid()))
            self._server = await asyncio.start_unix_server(_tell, address)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def figures(self) -> dict[str, list[Sample]]:
        """Process -> its figures: of this one and of all that answer within a second."""
        found = {str(os.getpid()): of_this_process()}
        folder = os.environ.get(FOLDER)
        if folder and self._server is not None:
            names = _names(folder) - found.keys()
            told = await asyncio.gather(*(_ask(Path(folder, name)) for name in names))
            found |= {name: each for name, each in zip(names, told, strict=True) if each}
        return found


def _names(folder: str) -> set[str]:
    return {place.name for place in Path(folder).iterdir()}


async def _tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.write(orjson.dumps([[*sample] for sample in of_this_process()]))
        await writer.drain()
    writer.close()


async def _ask(address: Path) -> list[Sample]:
    """Nothing when there is no answer in time."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_unix_connection(address)
            try:
                told = await reader.read(-1)
            finally:
                writer.close()
    except (OSError, TimeoutError):  # it is busy, or was killed
        return []
    return [Sample(*each) for each in orjson.loads(told)] if told else []


siblings = Siblings()
