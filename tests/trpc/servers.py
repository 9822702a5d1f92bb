"""Server processes beside the suite's own, on the same database."""

from pathlib import Path
from urllib.parse import quote

from django.db import connections

from tests.serve.serving import Serving


def database_url() -> str:
    at = connections["default"].settings_dict
    host, user, password = (quote(at[name], safe="") for name in ("HOST", "USER", "PASSWORD"))
    return f"postgresql://{user}:{password}@/{at['NAME']}?host={host}&port={at['PORT']}"


def another_server(home: Path, *arguments: str, **variables: str) -> Serving:
    return Serving(home, *arguments, DATABASE_URL=database_url(), **variables)


def url_of(serving: Serving) -> str:
    return f"ws://127.0.0.1:{serving.port('COORDINATOR_PORT')}"
