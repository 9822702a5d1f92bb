"""The proxies of deploy/ as processes: those files with other ports, names, certificates."""

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serve.serving import ROOT, free_ports

DEPLOY = ROOT / "deploy"
PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Front:
    """ports: of the proxy, by the port that its file names."""

    ports: Mapping[int, int]
    certificate: Path


Start = Callable[[Path, Mapping[int, int]], "contextlib.AbstractContextManager[Front]"]


def needed(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not found on PATH: apt-get install {package}")
    return found


@contextlib.contextmanager
def nginx(folder: Path, servers: Mapping[int, int]) -> Iterator[Front]:
    """In front of these servers: port that the file names -> that of the server."""
    program = needed("nginx", "nginx-light")
    front = _front(folder)
    text = (DEPLOY / "nginx/dcm.conf").read_text()
    text = re.sub(r"listen (\d+) ssl", lambda found: f"listen {_own(front, found[1])} ssl", text)
    text = _to_servers(text, servers)
    text = text.replace("/etc/ssl/dcm/fullchain.pem", str(front.certificate))
    text = text.replace("/etc/ssl/dcm/privkey.pem", str(front.certificate))
    (folder / "dcm.conf").write_text(text)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr warn;"
        "events { worker_connections 256; }"
        f"http {{ access_log off; {temporary} include {folder}/dcm.conf; }}"
    )
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with _running(command, folder, front):
        yield front


@contextlib.contextmanager
def caddy(folder: Path, servers: Mapping[int, int]) -> Iterator[Front]:
    """The same with Caddy."""
    program = needed("caddy", "caddy")
    front = _front(folder)
    certificate = f"\ttls {front.certificate} {front.certificate}\n"
    text = _to_servers((DEPLOY / "caddy/Caddyfile").read_text(), servers)
    text = re.sub(
        r"^dcm\.example\.org(?::(\d+))? \{\n",
        lambda found: f"https://localhost:{front.ports[int(found[1] or 443)]} {{\n{certificate}",
        text,
        flags=re.MULTILINE,
    )
    _write_caddyfile(folder, text)
    with _running(_caddy(program, folder), folder, front):
        yield front


@contextlib.contextmanager
def balancer(folder: Path, replicas: list[str], servers: Mapping[int, int]) -> Iterator[Front]:
    """That of docker-compose.yml, in front of these addresses instead of the replicas' name."""
    program = needed("caddy", "caddy")
    front = _front(folder)
    text = (DEPLOY / "caddy/balancer.Caddyfile").read_text()
    _, marker, sites = text.partition("(balanced)")
    sites = re.sub(
        r"dynamic a web (\d+) \{[^}]*\}",
        lambda found: "to " + " ".join(f"{host}:{servers[int(found[1])]}" for host in replicas),
        sites,
    )
    sites = re.sub(
        r"^:(\d+) \{",
        lambda found: f"http://127.0.0.1:{_own(front, found[1])} {{",
        sites,
        flags=re.MULTILINE,
    )
    _write_caddyfile(folder, marker + sites)
    with _running(_caddy(program, folder), folder, front):
        yield front


def _front(folder: Path) -> Front:
    free = [int(port) for port in free_ports().values()]
    ports = {3847: free[0], 443: free[0], 3848: free[1], 3849: free[2], 3030: free[3]}
    return Front(ports, _certificate(folder))


def _certificate(folder: Path) -> Path:
    """Certificate and key for localhost, in one file."""
    file = folder / "localhost.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", "-", "-out", "-"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    needed(command[0], "openssl")
    file.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    return file


def _own(front: Front, named: str) -> int:
    return front.ports[int(named)]


def _to_servers(text: str, servers: Mapping[int, int]) -> str:
    return re.sub(r"127\.0\.0\.1:(\d+)", lambda found: f"127.0.0.1:{servers[int(found[1])]}", text)


def _write_caddyfile(folder: Path, text: str) -> None:
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}")


def _caddy(program: str, folder: Path) -> list[str]:
    return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@contextlib.contextmanager
def _running(command: list[str], folder: Path, front: Front) -> Iterator[None]:
    """Until it listens; stopped in the end."""
    environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": "/usr/sbin:/usr/bin"}
    output = (folder / "output").open("wb")
    with (
        output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process,
    ):
        try:
            _until_it_listens(process, front)
            yield
        finally:
            process.terminate()


def _until_it_listens(process: "subprocess.Popen[bytes]", front: Front) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for port in {front.ports[443], front.ports[3849], front.ports[3030]}:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, "the proxy did not start"
            assert time.monotonic() < deadline, "the proxy does not listen"
            time.sleep(0.05)
