"""The tables of a database put out of the way, until what takes their place is whole.

They move to another schema, which takes no time and no room. A process that is killed in between
leaves them there, and the next one puts them back.
"""

from django.db import connection, transaction

ASIDE = "dcm_set_aside"

# What an extension brought, and sequences that belong to a column, go with their owners.
_OURS = """
SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
  WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%%I.%%I', %(schema)s, c.relname)
FROM pg_class c WHERE c.relnamespace = %(schema)s::regnamespace
  AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
    AND d.objid = c.oid AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
UNION ALL
SELECT 'ROUTINE',
  format('%%I.%%I(%%s)', %(schema)s, p.proname, pg_get_function_identity_arguments(p.oid))
FROM pg_proc p WHERE p.pronamespace = %(schema)s::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
    AND d.objid = p.oid AND d.deptype = 'e')
"""


def is_empty() -> bool:
    """Whether there is nothing where the tables belong."""
    return not _things_in(_schema())


def is_set_aside() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [ASIDE])
        return bool(cursor.fetchone()[0])


@transaction.atomic
def set_aside() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {ASIDE}")
    _move(_schema(), ASIDE)


@transaction.atomic
def put_back() -> None:
    """Instead of whatever has taken their place."""
    home = _schema()
    _drop(home)
    _move(ASIDE, home)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {ASIDE}")


@transaction.atomic
def let_go() -> None:
    """They are not needed any more."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {ASIDE} CASCADE")


def _schema() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return str(cursor.fetchone()[0])


def _things_in(schema: str) -> list[tuple[str, str]]:
    """Kind and name of each, such as ("TABLE", "public.projects_action")."""
    with connection.cursor() as cursor:
        cursor.execute(_OURS, {"schema": schema})
        return [*cursor.fetchall()]


def _move(schema: str, to: str) -> None:
    with connection.cursor() as cursor:
        for kind, name in _things_in(schema):
            cursor.execute(f"ALTER {kind} {name} SET SCHEMA {to}")


def _drop(schema: str) -> None:
    with connection.cursor() as cursor:
        for kind, name in _things_in(schema):
            cursor.execute(f"DROP {kind} IF EXISTS {name} CASCADE")  # it may have gone with another
