"""The import itself: table by table, batch by batch, each batch with how far it came."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from dcm.imports.mending import Mender
from dcm.imports.models import ImportedTable
from dcm.imports.others import OTHERS
from dcm.imports.source import Row, Source
from dcm.imports.table import LeftOut, Table
from dcm.imports.work_tree import WORK_TREE
from dcm.lib.adopting import Adoption
from dcm.lib.deadlocks import again_after_deadlock
from realtime.channel_names import GLOBAL
from realtime.events import RowsImported
from realtime.publish import publish

TABLES = [*WORK_TREE, *OTHERS]
OPTIONAL = {"subscriptions", "blocked_agents", "agent_contexts"}  # contract: rest R01
REFUSED = "refused by the database"


class AnotherImport(Exception):
    """Somebody else imports the same database right now."""


@dataclass
class Progress:
    """Of one table. total: rows that it has, as far as is known at the start of a run."""

    noun: str
    total: int = 0
    read: int = 0
    copied: int = 0
    known: int = 0
    mended: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


Tell = Callable[[Progress], None]


def import_all(source: Source, tell: Tell) -> list[Progress]:
    """Copy what is not here yet; go on where an earlier run was stopped, else begin anew.

    Publishes rows.imported once for each table with something new. Raises SourceError,
    AnotherImport.
    """
    tables = _tables(source)
    _begin(source, tables)
    report = [_import_table(source, table, tell) for table in tables]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # else plans are those for empty tables until a vacuum comes by
    return report


def try_all(source: Source, tell: Tell) -> list[Progress]:
    """What an import from the beginning would do. Changes nothing. Raises SourceError."""
    return [_try_table(source, table, tell) for table in _tables(source)]


def _tables(source: Source) -> list[Table]:
    selections = [table.selection for table in TABLES]
    required = [each.table for each in selections if each.table not in OPTIONAL]
    source.check(selections, required=required)
    return [table for table in TABLES if source.has(table.selection.table)]


@transaction.atomic
def _begin(source: Source, tables: Sequence[Table]) -> None:
    """Where the last run stopped; after one that got to the end all begins anew."""
    states = ImportedTable.objects.select_for_update().filter(source=source.name).order_by("id")
    if all(state.finished_at for state in states):
        ImportedTable.objects.filter(source=source.name).delete()
    for table in tables:
        ImportedTable.objects.get_or_create(source=source.name, table=table.selection.table)


def _import_table(source: Source, table: Table, tell: Tell) -> Progress:
    state = ImportedTable.objects.get(source=source.name, table=table.selection.table)
    if state.finished_at:
        return _progress(table, state, state.read)
    total = state.read + source.count(table.selection.table, state.position)
    tell(_progress(table, state, total))
    for batch in source.batches(table.selection, state.position):
        state = _import_batch(state, table, batch)
        tell(_progress(table, state, total))
    _finish(state, table)
    return _progress(table, state, total)


@again_after_deadlock
@transaction.atomic
def _import_batch(state: ImportedTable, table: Table, batch: Sequence[Row]) -> ImportedTable:
    """How far the table has come with this batch."""
    state = _held(state)
    rows, mended, left_out = _read(table, batch)
    copied, refused = _adopt(table.into, rows)
    left_out += refused
    state.position = batch[-1]["id"]
    state.read += len(batch)
    state.copied += copied
    state.known += len(batch) - copied - left_out.total()
    state.mended += mended
    state.left_out = dict(Counter(state.left_out) + left_out)
    state.save()
    return state


@transaction.atomic
def _finish(state: ImportedTable, table: Table) -> None:
    state = _held(state)
    state.finished_at = timezone.now()
    state.save(update_fields=["finished_at"])
    if state.copied:
        publish(RowsImported(rows=table.noun, count=state.copied), to=[GLOBAL])


def _held(state: ImportedTable) -> ImportedTable:
    """The same until the commit. Raises AnotherImport when it is elsewhere by now."""
    held = ImportedTable.objects.select_for_update().filter(pk=state.pk).first()
    if held is None or held.position != state.position or held.finished_at:
        raise AnotherImport
    return held


def _read(table: Table, batch: Sequence[Row]) -> tuple[list[Row], int, Counter[str]]:
    """Rows as they go in, how many of them were mended, and why others do not."""
    rows, mended, left_out = [], 0, Counter[str]()
    for each in batch:
        mender = Mender()
        try:
            rows.append(table.read(each, mender))
        except LeftOut as reason:
            left_out[str(reason)] += 1
        else:
            mended += mender.mended
    return rows, mended, left_out


def _adopt(into: Adoption, rows: Sequence[Row]) -> tuple[int, Counter[str]]:
    """How many were new. A row that the database refuses does not keep the others out."""
    try:
        with transaction.atomic():
            return len(into.adopt(rows)) if rows else 0, Counter()
    except (DataError, IntegrityError):
        if len(rows) == 1:
            return 0, Counter({REFUSED: 1})
    half = len(rows) // 2
    (first, refused), (second, others) = _adopt(into, rows[:half]), _adopt(into, rows[half:])
    return first + second, refused + others


def _try_table(source: Source, table: Table, tell: Tell) -> Progress:
    progress = Progress(table.noun, source.count(table.selection.table, None))
    tell(progress)
    for batch in source.batches(table.selection, None):
        rows, mended, left_out = _read(table, batch)
        known = table.into.known(rows)
        progress.read += len(batch)
        progress.known += known
        progress.copied += len(rows) - known
        progress.mended += mended
        progress.left_out += left_out
        tell(progress)
    return progress


def _progress(table: Table, state: ImportedTable, total: int) -> Progress:
    return Progress(
        table.noun,
        total,
        state.read,
        state.copied,
        state.known,
        state.mended,
        Counter(state.left_out),
    )
