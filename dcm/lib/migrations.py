"""Operations that migrations of several apps need."""

from typing import Literal

from django.db import migrations


def foreign_key(
    name: str, *, table: str, column: str, to: str, on_delete: Literal["CASCADE", "SET NULL"]
) -> migrations.RunSQL:
    """A foreign key that the database itself follows on delete, checked at once.

    Django would collect the rows below in Python, and miss one that is added meanwhile.
    """
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column})"
        f" REFERENCES {to} (id) ON DELETE {on_delete}",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )
