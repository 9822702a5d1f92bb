"""What there is to say about one table of the original."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dcm.imports.mending import Mender
from dcm.imports.source import Row, Selection
from dcm.lib.adopting import Adoption


class LeftOut(Exception):
    """A row that cannot be copied; the text says why, as in "12 requests: without a project"."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """noun: of the rows here, plural. read: one row as the adoption takes it, or LeftOut."""

    noun: str
    selection: Selection
    read: Callable[[Row, Mender], dict[str, Any]]
    into: Adoption
