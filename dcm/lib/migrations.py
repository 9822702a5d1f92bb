"""Operations that migrations of several apps need."""

from typing import Literal

from django.db import migrations

from dcm.lib.text_search import words_of


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


def text_index(name: str, *, table: str, text: str, most: int) -> migrations.RunSQL:
    """What full-text search finds rows by. text, most: as the search names them, see words_of()."""
    # A small pending list: the insert that fills it moves all of it, and is kept waiting.
    return migrations.RunSQL(
        f"CREATE INDEX {name} ON {table} USING gin ({words_of(text, most)})"
        " WITH (gin_pending_list_limit = 256)",
        f"DROP INDEX {name}",
    )
