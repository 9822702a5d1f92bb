"""Rows as a file, written while it is read: no number of them fills the memory."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.db import models
from django.http import StreamingHttpResponse

from dcm.lib import wire

BATCH = 100
Rows = models.QuerySet[Any]


def as_jsonl(rows: Rows) -> StreamingHttpResponse:
    """One JSON object a line."""
    return _file(rows, "jsonl", "application/x-ndjson", _json_lines(rows))


def as_csv(rows: Rows) -> StreamingHttpResponse:
    """A head, then one record a row; JSON columns as JSON text."""
    return _file(rows, "csv", "text/csv; charset=utf-8", _csv_lines(rows))


def _json_lines(rows: Rows) -> Iterator[bytes]:
    for batch in _batches(rows):
        yield b"".join(wire.dump(_fields(row)) + b"\n" for row in batch)


def _csv_lines(rows: Rows) -> Iterator[bytes]:
    yield _csv([[field.attname for field in rows.model._meta.concrete_fields]])
    for batch in _batches(rows):
        yield _csv([[_cell(value) for value in _fields(row).values()] for row in batch])


def _batches(rows: Rows) -> Iterator[list[models.Model]]:
    """In order of the key; each batch is a statement of its own, so none takes long."""
    rows = rows.order_by("pk")
    batch = list(rows[:BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])


def _fields(row: models.Model) -> dict[str, Any]:
    return {
        field.attname: _plain(getattr(row, field.attname)) for field in row._meta.concrete_fields
    }


def _plain(value: object) -> object:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def _csv(records: list[list[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(records)
    return written.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return wire.dump(value).decode().strip('"')
    # A spreadsheet takes these for formulas, and an agent may write anything.
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _file(
    rows: Rows, suffix: str, content_type: str, parts: Iterator[bytes]
) -> StreamingHttpResponse:
    name = f"{rows.model._meta.model_name}.{suffix}"
    return StreamingHttpResponse(
        parts,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
