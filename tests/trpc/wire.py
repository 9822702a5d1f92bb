"""A line between a client and a server that a test can cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self
from urllib.parse import urlsplit


class Wire:
    """Carries TCP from `url` to a server."""

    url: str

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: set[asyncio.StreamWriter] = set()
        self._whole = asyncio.Event()
        self._whole.set()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, server_url: str) -> AsyncIterator[Self]:
        wire = cls(urlsplit(server_url).port or 80)
        listening = await asyncio.start_server(wire._carry, "127.0.0.1", 0)
        wire.url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with listening:
            yield wire
            wire.cut()

    def cut(self) -> None:
        """Both ends lose each other without a goodbye; who dials anew waits for mend()."""
        self._whole.clear()
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def mend(self) -> None:
        self._whole.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends |= {writer, far_writer}
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while octets := await reader.read(2**16):
            writer.write(octets)
            await writer.drain()
    writer.close()
