"""A socket's place in the event log."""

import asyncio


class Cursor:
    """What lies between `position` and `target` is still to be looked at; both are numbers."""

    def __init__(self) -> None:
        self.position = 0
        self.target = 0
        self._woken = asyncio.Event()

    @property
    def is_behind(self) -> bool:
        return self.position < self.target

    def wake(self, seq: int) -> None:
        """An event with this number is for this socket."""
        if not self.is_behind:
            self.position = seq - 1  # what came in between was for others
        self.target = seq
        self._woken.set()

    def skip_to(self, seq: int) -> None:
        """All up to this number has been looked at."""
        self.position = self.target = seq

    async def until_behind(self) -> None:
        await self._woken.wait()
        self._woken.clear()
