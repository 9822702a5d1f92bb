"""The Dockerfile, carried out: what it installs and copies is enough for its command to serve.

There is no Docker here, so the base image and the isolation are not tested; that the server runs
from an otherwise empty folder, as a user without rights, is.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.deploy.dockerfile import STAND_IN, Build, Stage
from tests.serve.serving import ROOT, free_ports, postgres_of

PATIENCE_SECONDS = 30
FOR_ALL = "/usr/local/bin:/usr/bin"
NAMES = ("python3.13", "python3.12", "python3.11", "python3")
KEY = "k" * 32


def python_for_all() -> str:
    """One that users without rights may run, too."""
    asked = "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))"
    for name in NAMES:
        found = shutil.which(name, path=FOR_ALL)
        if found and not subprocess.run([found, "-c", asked], check=False).returncode:
            return found
    pytest.skip(f"no Python with venv in {FOR_ALL}: apt-get install python3-venv")


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="dcm-image-"))
    folder.chmod(0o755)
    try:
        image = Build(ROOT, folder, python_for_all()).stage
        home = image.below(image.environment["DCM_HOME"])
        if os.geteuid() == 0:
            os.chown(home, STAND_IN, STAND_IN)
        yield image
    finally:
        for process in postgres_of(folder):
            process.kill()
        shutil.rmtree(folder)


@contextlib.contextmanager
def started(image: Stage, **variables: str) -> Iterator[httpx.Client]:
    """Its command, with these variables as Compose would set them."""
    ports = free_ports()
    image.environment |= {"HOST": "127.0.0.1", **ports, **variables}
    process = image.run(image.command)
    code = None
    try:
        url = f"http://127.0.0.1:{ports['PORT']}"
        with httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=10) as http:
            _wait(http, process)
            yield http
    finally:
        process.terminate()
        code = process.wait(20)
        assert process.stdout is not None
        process.stdout.close()
    assert code == 0


def _wait(http: httpx.Client, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            http.get("/livez")
            return
        if process.poll() is not None:
            raise AssertionError(process.stdout and process.stdout.read())
        time.sleep(0.1)
    raise AssertionError("the server does not answer")


@pytest.mark.timeout(400)
def test_the_image_serves_as_a_user_without_rights(image: Stage) -> None:
    secrets = {"WS_AUTH_SECRET": "w" * 32, "DCM_API_KEY": KEY}

    with started(image, **secrets) as http:
        health = http.get("/health")
        page = http.get("/api/docs")
        static = http.get("/static/dashboard/page.js")
        made = http.post("/api/projects", json={"path": "/srv/shop"})
        healthy = image.run(image.healthcheck)
        printed, _ = healthy.communicate(timeout=20)
        (server,) = [
            each
            for each in psutil.process_iter(["cmdline", "cwd"])
            if each.info["cwd"] == str(image.below("/app")) and "serve" in each.info["cmdline"]
        ]
        user = server.uids().effective

    assert health.json()["status"] == "healthy"
    assert (page.status_code, static.status_code, made.status_code) == (200, 200, 201)
    assert healthy.returncode == 0, printed
    if os.geteuid() == 0:
        assert user == STAND_IN
    assert int(image.user) > 0
    dead = image.run(image.healthcheck)
    dead.communicate(timeout=20)
    assert dead.returncode != 0


def test_nothing_but_the_program_is_in_it(image: Stage) -> None:
    app = image.below("/app")

    found = {path.name for path in app.iterdir()}
    assert found == {"manage.py", "LICENSE"} | _packages()
    assert not [path for path in app.rglob("*") if path.name in ("tests", ".env", ".git")]


def _packages() -> set[str]:
    """The Python packages of the server, as the layers name them."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    return set(tools["importlinter"]["root_packages"]) - {"dcm_client"}
