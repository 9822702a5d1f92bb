from typing import Any

from django.db import connection


def rows(sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """What a statement returns, by column."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
