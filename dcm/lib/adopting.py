"""Adding rows that were made elsewhere, many at a time: as they are, and each at most once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dcm.lib import wire
from dcm.lib.statements import query

Row = dict[str, Any]
Prepare = Callable[[Sequence[Row]], Sequence[Row]]


def _as_they_are(rows: Sequence[Row]) -> Sequence[Row]:
    return rows


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """How rows get into a table.

    columns: name -> type; the first is what new rows are told by. unique: columns of which two
    rows cannot have the same. conflict: what becomes of a row whose like is there already.
    prepare: what the rows go through before.
    """

    table: str
    columns: Mapping[str, str]
    unique: Sequence[Sequence[str]] = field(default=(("id",),))
    conflict: str = "DO NOTHING"
    prepare: Prepare = _as_they_are

    def adopt(self, rows: Sequence[Row]) -> list[str]:
        """Add these; the first columns of those that were new, as text. In a transaction."""
        return [str(row[0]) for row in query(self._insertion, _json(self.prepare(rows)))]

    def known(self, rows: Sequence[Row]) -> int:
        """How many of these have their like already."""
        return int(query(self._count, _json(rows))[0][0] or 0)

    @property
    def _insertion(self) -> str:
        names = ", ".join(self.columns)
        order = ", ".join(name for names in self.unique for name in names)
        return (
            f"INSERT INTO {self.table} AS known ({names}) SELECT {names} FROM {self._given}"  # noqa: S608
            f" ORDER BY {order} ON CONFLICT {self.conflict} RETURNING {next(iter(self.columns))}"
        )

    @property
    def _count(self) -> str:
        alike = " OR ".join(
            "(" + " AND ".join(f"known.{name} = given.{name}" for name in names) + ")"
            for names in self.unique
        )
        return (
            f"SELECT count(*) FROM {self._given}"  # noqa: S608
            f" WHERE EXISTS (SELECT FROM {self.table} known WHERE {alike})"
        )

    @property
    def _given(self) -> str:
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        return f"json_to_recordset($1::json) AS given({columns})"


def _json(rows: Sequence[Row]) -> str:
    return wire.dump(rows).decode()
