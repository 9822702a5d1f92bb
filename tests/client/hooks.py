"""The installed dcm-hook as the host runs it, and servers that misbehave."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("dcm-hook")
PATIENCE_SECONDS = 20


@dataclass
class Hook:
    """url: where the hook posts. spool: where it keeps what it could not."""

    url: str
    spool: Path
    more: dict[str, str] = field(default_factory=dict)
    seconds: float = 0

    def environment(self) -> dict[str, str]:
        # A busy machine must not decide what these tests say; those about time set their own.
        given = {"DCM_URL": self.url, "DCM_SPOOL": str(self.spool), "DCM_HOOK_TIMEOUT": "10"}
        return given | {"PATH": "/usr/bin:/bin"} | self.more

    def __call__(self, stdin: bytes | dict[str, Any], *arguments: str) -> str:
        """What it wrote to stdout; it always exits 0 and never complains."""
        data = stdin if isinstance(stdin, bytes) else json.dumps(stdin).encode()
        began = time.monotonic()
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=data,
            env=self.environment(),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        self.seconds = time.monotonic() - began
        assert done.returncode == 0
        assert arguments or done.stderr == b""
        return done.stdout.decode()

    def waiting(self) -> list[dict[str, Any]]:
        """The events in the spool, oldest first, without what dcm-hook adds to them there."""
        added = {"dcm_hook", "timestamp"}
        return [
            {name: value for name, value in line.items() if name not in added}
            for line in self.lines()
        ]

    def lines(self) -> list[dict[str, Any]]:
        """The same as it is there."""
        days = sorted(self.spool.glob("*.jsonl"))
        return [json.loads(line) for day in days for line in day.read_bytes().splitlines()]


def tool_call(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "hook_event_name": "PostToolUse",
        "session_id": "run-1",
        "cwd": "/srv/shop",
        "tool_name": "Bash",
        "tool_input": {"command": "ls"},
        "tool_use_id": f"toolu_{number}",
        **fields,
    }


def prompt(text: str, **fields: Any) -> dict[str, Any]:
    common = {"hook_event_name": "UserPromptSubmit", "session_id": "run-1", "cwd": "/srv/shop"}
    return {**common, "prompt": text, **fields}


def nowhere() -> str:
    """The address of a port of ours on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def strange_server(treat: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that treats each connection so, and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, contextlib.suppress(OSError):
                        treat(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE_SECONDS)


def answering(reply: bytes) -> Callable[[socket.socket], None]:
    """Take a whole request, answer with these bytes."""

    def treat(connection: socket.socket) -> None:
        take_request(connection)
        connection.sendall(reply)

    return treat


def take_request(connection: socket.socket) -> tuple[str, bytes]:
    """The head and the body of a request."""
    with connection.makefile("rb") as lines:
        head = ""
        while line := lines.readline().decode().strip():
            head += f"{line}\n"
        length = re.search(r"(?im)^content-length: ([0-9]+)$", head)
        return head, lines.read(int(length[1]) if length else 0)


def hang(connection: socket.socket) -> None:
    """Take everything, answer nothing."""
    while connection.recv(1 << 16):
        pass


def reset(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def http(status: str, body: str, content_type: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()
