"""One POST on a plain socket: http.client alone would take as long to import as all the rest."""

import json
import socket
from time import monotonic
from typing import NamedTuple

LARGEST_REPLY = 1 << 20
# Refusals that another attempt may not meet: a key, an address or a load that somebody mends.
_PASSING = frozenset({401, 403, 404, 408, 425, 429})


class NotTaken(Exception):
    """The server is away or busy, or it is not ours: the event has to be sent again.

    is_late: it was waited for in vain.
    """

    def __init__(self, why: object = None, *, is_late: bool = False) -> None:
        super().__init__(why)
        self.is_late = is_late


class Address(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str


def parse_url(url: str) -> Address:
    """Raises ValueError."""
    scheme, _, rest = url.strip().partition("://")
    authority, _, path = rest.partition("/")
    host, port = authority.rpartition("@")[2], ""
    if host.startswith("["):
        host, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = host.partition(":")
    if scheme not in ("http", "https") or not host or any(c.isspace() for c in rest):
        raise ValueError(url)
    default = 443 if scheme == "https" else 80
    return Address(scheme, host, int(port) if port else default, f"/{path}".rstrip("/"))


def post(
    address: Address, path: str, body: bytes, *, token: str | None, deadline: float
) -> bytes | None:
    """The reply, a JSON object; None when the server refuses the event for good.

    deadline: on time.monotonic()'s clock, for everything together. Raises NotTaken.
    """
    try:
        reply = _exchange(address, _request(address, path, body, token), deadline)
    except (OSError, ValueError) as error:
        raise NotTaken(error, is_late=isinstance(error, TimeoutError)) from error
    status, content = _parse(reply)
    if 400 <= status < 500 and status not in _PASSING:
        return None
    if not 200 <= status < 300:
        raise NotTaken(status)
    try:
        if not isinstance(json.loads(content), dict):
            raise NotTaken("not an object")
    except (ValueError, RecursionError) as error:
        raise NotTaken("not JSON") from error
    return content


def _request(address: Address, path: str, body: bytes, token: str | None) -> bytes:
    host = f"[{address.host}]" if ":" in address.host else address.host
    # HTTP/1.0: the end of the connection is the end of the reply.
    lines = [
        f"POST {address.path}{path} HTTP/1.0",
        f"Host: {host}:{address.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if token:
        lines.append(f"Authorization: Bearer {''.join(token.split())}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _exchange(address: Address, request: bytes, deadline: float) -> bytes:
    with socket.create_connection((address.host, address.port), _until(deadline)) as plain:
        connection = plain
        if address.scheme == "https":
            import ssl

            context = ssl.create_default_context()
            connection = context.wrap_socket(plain, server_hostname=address.host)
        with connection:
            connection.settimeout(_until(deadline))
            connection.sendall(request)
            return _receive(connection, deadline)


def _receive(connection: socket.socket, deadline: float) -> bytes:
    reply = b""
    while not _is_whole(reply):
        connection.settimeout(_until(deadline))
        chunk = connection.recv(1 << 16)
        if not chunk:
            break
        reply += chunk
        if len(reply) > LARGEST_REPLY:
            raise ValueError("reply too large")
    return reply


def _is_whole(reply: bytes) -> bool:
    """Whether it is as long as it says; some servers keep the connection open all the same."""
    head, end, content = reply.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return value.strip().isdigit() and len(content) >= int(value)
    return False


def _parse(reply: bytes) -> tuple[int, bytes]:
    """Raises NotTaken when this is no reply in HTTP."""
    head, _, content = reply.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise NotTaken("not HTTP")
    return int(words[1]), content


def _until(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left
