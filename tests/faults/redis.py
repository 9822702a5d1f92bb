"""A Redis to be killed."""

import contextlib
import shutil
import socket
import subprocess
import time
from pathlib import Path


class Redis:
    """A Redis of the test's own, which keeps nothing."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program
        self._process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.02)
        raise RuntimeError("Redis did not start")

    def flush(self) -> None:
        """Throw away all that it holds."""
        with socket.create_connection(("127.0.0.1", self.port)) as link:
            link.sendall(b"FLUSHALL\r\n")
            assert link.recv(100) == b"+OK\r\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(5)
