"""`manage.py serve` as a process of its own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx
import psutil

from dcm.lib import embedded

ROOT = Path(__file__).parents[2]
PORTS = ("PORT", "DASHBOARD_PORT", "WS_PORT", "COORDINATOR_PORT")


def free_ports() -> dict[str, str]:
    """A free port for each variable."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    numbers = [str(opened.getsockname()[1]) for opened in sockets]
    for opened in sockets:
        opened.close()
    return dict(zip(PORTS, numbers, strict=True))


def environment(home: Path, **variables: str) -> dict[str, str]:
    """What the process sees: nothing of ours but these."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return inherited | {"DCM_HOME": str(home), "LANG": "C.UTF-8"} | free_ports() | variables


def manage(home: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """A folder for DCM_HOME. In the end a PostgreSQL that is left there is killed."""
    # Not pytest's own: as root PostgreSQL runs as another user, who may not enter those.
    folder = Path(tempfile.mkdtemp(prefix="dcm-serve-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        for process in postgres_of(folder):
            process.kill()
        shutil.rmtree(folder)


def database_url(home: Path) -> str:
    """How another server reaches the embedded PostgreSQL of the one that has `home`."""
    server = embedded.connection(home)
    user, password = quote(server["USER"]), quote(server["PASSWORD"])
    folder = quote(server["HOST"], safe="")
    return f"postgresql://{user}:{password}@/{server['NAME']}?host={folder}"


class Serving:
    """A server that said it is running. Killed in the end, with all that it started."""

    program: tuple[str, ...] = ("manage.py", "serve")

    def __init__(self, home: Path, *arguments: str, **variables: str) -> None:
        self.home = home
        self.environment = environment(home, **variables)
        self.process = subprocess.Popen(
            [sys.executable, *self.program, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.banner = ""
        self._printed: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port('PORT')}", timeout=10)

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.banner += line
            if "Ctrl-C" in line:
                self._reader.start()
                return self
        self.process.stdout.close()
        raise AssertionError(f"exit {self.process.wait()}: {self.banner}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        self.stop(signal.SIGTERM)
        self.rest_of_output()

    def port(self, variable: str) -> int:
        return int(self.environment[variable])

    def stop(self, number: signal.Signals) -> int:
        """Exit code after this signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)

    def rest_of_output(self) -> str:
        """What it printed after the banner, once it has ended."""
        self._reader.join(20)
        return "".join(self._printed)

    def _read(self) -> None:
        # All the time: a full pipe would stop the server.
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self._printed += lines

    def workers(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(_command(child))]


@contextlib.contextmanager
def several_servers(count: int, **variables: str) -> Iterator[list[Serving]]:
    """So many on one database: the first one's own PostgreSQL."""
    with temporary_home() as home, contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Serving(home, **variables))]
        shared = {"DATABASE_URL": database_url(home)} | variables
        servers += [stack.enter_context(Serving(home, **shared)) for _ in range(count - 1)]
        yield servers


def _command(process: psutil.Process) -> list[str]:
    """What it was started with; nothing once it has ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def postgres_of(home: Path) -> list[psutil.Process]:
    """The processes of the embedded PostgreSQL under `home`, the first one first."""
    found = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(process.info["cmdline"] or [])
        and "postgres" in (process.info["cmdline"] or [""])[0]
    ]
    return [*found, *(child for process in found for child in process.children())]
