"""Databases of their own on the suite's PostgreSQL: where a backup is read back."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.backup.contents import Contents, contents, last_event, manage_well, work
from tests.serve.serving import Serving
from tests.trpc.servers import database_url

NewDatabase = Callable[[], str]


@pytest.fixture(scope="module")
def new_database(database: None) -> Iterator[NewDatabase]:
    """`new_database()`: the address of an empty one."""
    address, made = database_url(), list[str]()
    name = psycopg.conninfo.conninfo_to_dict(address)["dbname"]

    def make() -> str:
        made.append(f"backup_{uuid.uuid4().hex[:12]}")
        with psycopg.connect(address, autocommit=True) as link:
            link.execute(f"CREATE DATABASE {made[-1]} TEMPLATE template0 ENCODING 'UTF8'")
        return address.replace(f"/{name}?", f"/{made[-1]}?")

    yield make
    with psycopg.connect(address, autocommit=True) as link:
        for each in made:
            link.execute(f"DROP DATABASE {each} WITH (FORCE)")


@pytest.fixture
def empty(new_database: NewDatabase) -> str:
    return new_database()


class Kept:
    """A backup, what was in the database then, and the id of its last event."""

    def __init__(self, file: Path, before: Contents, last_event: str) -> None:
        self.file = file
        self.before = before
        self.last_event = last_event


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Kept:
    folder, url = tmp_path_factory.mktemp("kept"), new_database()
    file = folder / "kept.dump"
    with Serving(folder, DATABASE_URL=url) as serving:
        work(serving)
        manage_well(folder, "apikey", "create", "ci", "--agent", "ci-*", DATABASE_URL=url)
        told = manage_well(folder, "backup", str(file), "-v", "2", DATABASE_URL=url)
        assert "realtime_loggedevent" in told
        return Kept(file, contents(url), last_event(serving))
