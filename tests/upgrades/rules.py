"""What a migration may not do while servers of the version before go on: docs/upgrading.md."""

import re

import sqlparse
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

_TABLE = r'"?(\w+)"?'
_MADE = re.compile(f"CREATE TABLE {_TABLE}")
_ADDED = re.compile(
    rf'ALTER TABLE {_TABLE} ADD CONSTRAINT "?(\w+)"? (?:FOREIGN KEY|CHECK)(?!.*NOT VALID)'
)


def wrong_in(sql: str) -> list[str]:
    """What the old servers would notice of these statements, or wait for."""
    plain: str = sqlparse.format(sql, strip_comments=True)
    statements = [" ".join(each.split()) for each in sqlparse.split(plain)]
    errors, _, warnings = analyse_sql_statements(PostgresqlAnalyser, statements)
    found = [f"{issue.message} ({issue.code})" for issue in (*errors, *warnings)]
    return found + [
        f"{name} is checked on every row under a lock: NOT VALID first (ADD_CONSTRAINT)"
        for name in _checked_at_once(statements)
    ]


def _checked_at_once(statements: list[str]) -> list[str]:
    """Constraints added to tables that were there before."""
    made = {found[1] for each in statements if (found := _MADE.match(each))}
    added = [found for each in statements if (found := _ADDED.match(each))]
    return [found[2] for found in added if found[1] not in made]
