"""The sockets that `serve` listens on."""

import errno
import ipaddress
import os
import socket
import time
from collections.abc import Mapping

BACKLOG = 2048
PATIENCE_SECONDS = 2.0  # a predecessor that was killed may still have workers on their way out


class CannotListen(Exception):
    """A port cannot be had; the text names its variable and says what to do."""


def listen(host: str, ports: Mapping[str, int]) -> list[socket.socket]:
    """Sockets that already queue connections, for every port but those that are 0.

    ports: name of the variable -> number. 127.0.0.1 brings ::1 along where there is one, because
    to many clients `localhost` means that. Raises CannotListen, with all sockets closed.
    """
    sockets: list[socket.socket] = []
    try:
        for variable, port in ports.items():
            if port:
                sockets += _listen_on(host, variable, port)
    except CannotListen:
        close(sockets)
        raise
    return sockets


def close(sockets: list[socket.socket]) -> None:
    for opened in sockets:
        opened.close()


def _listen_on(host: str, variable: str, port: int) -> list[socket.socket]:
    opened = [_open(address, variable, port) for address in _addresses(host)]
    if host in {"127.0.0.1", "localhost"} and _has_ipv6_loopback():
        opened.append(_open("::1", variable, port))
    return opened


def _addresses(host: str) -> list[str]:
    if host == "localhost":
        return ["127.0.0.1"]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise CannotListen(
            f"HOST={host} is no address of this machine: set HOST=127.0.0.1, or 0.0.0.0 for all"
        ) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _has_ipv6_loopback() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def _open(address: str, variable: str, port: int) -> socket.socket:
    version6 = ipaddress.ip_address(address.split("%")[0]).version == 6
    family = socket.AF_INET6 if version6 else socket.AF_INET
    both = address == "::" and socket.has_dualstack_ipv6()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return socket.create_server(
                (address, port), family=family, backlog=BACKLOG, dualstack_ipv6=both
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise CannotListen(_advice(error, address, variable, port)) from None
        time.sleep(0.05)


def _advice(error: OSError, address: str, variable: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {address} is taken: find out by whom with `lsof -i :{port}`, "
            f"or set {variable} to another port (0 switches it off)"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is for privileged processes: set {variable} to one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={address} is no address of this machine: set HOST=127.0.0.1"
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"cannot listen on port {port} of {address} ({variable}): {reason}"
