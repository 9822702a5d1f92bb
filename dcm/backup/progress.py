"""Which table is on its way: in place on a terminal, with `--verbosity 2` in a line each."""

from types import TracebackType
from typing import Self

from django.core.management.base import OutputWrapper

CLEAR_LINE = "\r\x1b[K"


class Progress:
    """tables: how many there were."""

    def __init__(self, stream: OutputWrapper, verbosity: int) -> None:
        self.tables = 0
        self._stream = stream
        self._line_each = verbosity > 1
        self._in_place = not self._line_each and verbosity > 0 and stream.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._in_place:
            self._stream.write(CLEAR_LINE, ending="")

    def tell(self, table: str) -> None:
        self.tables += 1
        if self._line_each:
            self._stream.write(f"{self.tables} {table}")
        elif self._in_place:
            self._stream.write(f"{CLEAR_LINE}{self.tables} {table}", ending="")
            self._stream.flush()
