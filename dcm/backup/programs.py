"""PostgreSQL's own programs for backups: those of the wheel, or newer ones of the system."""

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import NotSupportedError, connection
from psycopg.conninfo import make_conninfo

from dcm.lib import embedded
from dcm.serving.database import Unreachable, wait_until_reachable

OURS = frozenset({"options", "connect_timeout", "application_name"})
"""Settings of the server's connections that are nothing to these programs."""

MOST_LINES = 8
LINES_OF_SETTINGS = 40
UNKNOWN_TO_OLDER = b"SET transaction_timeout"
"""What a script for PostgreSQL 17 begins with, among its settings, and 16 refuses."""

_AT_TABLE = re.compile(r'(?:dumping contents of|processing data for) table "(?:\w+\.)?(.+?)"')

Tell = Callable[[str], None]


class BackupError(Exception):
    """It cannot be done; the text says why and what to do."""


EXPECTED = (
    *(BackupError, Unreachable, embedded.EmbeddedPostgresError),
    *(NotSupportedError, OSError),
)


@contextlib.contextmanager
def reachable_database() -> Iterator[None]:
    """The configured database; the embedded one is started unless a server runs it.

    Raises EXPECTED.
    """
    with contextlib.ExitStack() as running:
        if settings.EMBEDDED_POSTGRES and not _answers():
            running.enter_context(embedded.kept_running(settings.DCM_HOME))
        wait_until_reachable(settings.MAX_DB_RETRIES)
        try:
            yield
        finally:
            connection.close()


def _answers() -> bool:
    with contextlib.suppress(Exception):
        connection.ensure_connection()
        return True
    return False


def run(name: str, *arguments: str, at_table: Tell = lambda table: None) -> str:
    """Run one of the programs; what it printed. at_table: hears of each table as its turn comes.

    Raises BackupError.
    """
    command = [str(_program(name)), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    ) as process:
        try:
            said = _follow(process, at_table)
            assert process.stdout is not None
            printed = process.stdout.read().decode(errors="replace")
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise BackupError(f"{name} failed: {' '.join(said) or f'exit {process.returncode}'}")
    return printed


def read_into_database(*arguments: str, at_table: Tell) -> None:
    """What `pg_restore` makes of its arguments, in one transaction. Raises BackupError.

    By way of `psql`: directly it sets what servers older than itself do not know.
    """
    psql = [str(_program("psql")), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    psql += [f"--dbname={database_argument()}", f"--output={os.devnull}"]
    command = [str(_program("pg_restore")), *arguments, "--file=-"]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
        ) as reading,
        subprocess.Popen(
            psql, stdin=subprocess.PIPE, stderr=complaints, env=_environment()
        ) as writing,
    ):
        try:
            passing = threading.Thread(target=_pass_on, args=[reading, writing], daemon=True)
            passing.start()
            said = _follow(reading, at_table)
            passing.join()
            failed = writing.wait() or reading.wait()
        except BaseException:
            reading.terminate()
            writing.terminate()
            raise
        complaints.seek(0)
        said += complaints.read().decode(errors="replace").splitlines()[-MOST_LINES:]
    if failed:
        raise BackupError(f"pg_restore failed: {' '.join(said) or 'it ended too soon'}")


def _pass_on(reading: "subprocess.Popen[bytes]", writing: "subprocess.Popen[bytes]") -> None:
    """From one to the other; only what was read to its end is committed."""
    assert reading.stdout is not None
    assert writing.stdin is not None
    with contextlib.suppress(BrokenPipeError), writing.stdin:
        writing.stdin.write(b"BEGIN;\n")
        for line in itertools.islice(reading.stdout, LINES_OF_SETTINGS):
            if not line.startswith(UNKNOWN_TO_OLDER):
                writing.stdin.write(line)
        shutil.copyfileobj(reading.stdout, writing.stdin)
        if reading.wait() == 0:
            writing.stdin.write(b"COMMIT;\n")
        return
    reading.terminate()  # nobody takes it any more


def _follow(process: "subprocess.Popen[bytes]", at_table: Tell) -> list[str]:
    """The last lines that tell of something wrong."""
    said: list[str] = []
    assert process.stderr is not None
    for line in (each.decode(errors="replace") for each in process.stderr):
        if found := _AT_TABLE.search(line):
            at_table(found[1])
        elif "error:" in line or "fatal:" in line.lower():
            said = [*said, line.strip()][-MOST_LINES:]
    return said


def database_argument() -> str:
    """Where the database is, for `--dbname`. The password goes by the environment: others can read
    what a process was started with."""
    server = settings.DATABASES["default"]
    more = {name: value for name, value in server["OPTIONS"].items() if name not in OURS}
    return make_conninfo(
        dbname=server["NAME"],
        user=server["USER"],
        host=server["HOST"],
        port=server["PORT"],
        application_name="dcm-backup",
        **more,
    )


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    password = settings.DATABASES["default"]["PASSWORD"]
    return inherited | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})


def _program(name: str) -> Path:
    """The newest there is: it reads what older ones wrote, and dumps older servers."""
    candidates = [embedded.shipped_binaries() / name]
    if (of_system := shutil.which(name)) is not None:
        candidates.append(Path(of_system))
    versions = {path: _version(path) for path in candidates if path.exists()}
    newest = max(versions, key=lambda path: versions[path], default=None)
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        server = int(cursor.fetchone()[0]) // 10_000
    if newest is None or versions[newest] < server:
        raise BackupError(f"{name} of PostgreSQL {server} or newer is needed: install its client")
    return newest


def _version(program: Path) -> int:
    """Its major version."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\) (\d+)", told)
    return int(found[1]) if found else 0
