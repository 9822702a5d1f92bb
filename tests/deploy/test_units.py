"""The units of systemd: understood, tightly fenced in, and the server runs inside such a fence."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.fronts import DEPLOY, needed
from tests.serve.serving import ROOT, environment, temporary_home

UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
MOST_EXPOSED = 20
"""Of 100, by the figure of `systemd-analyze security`."""


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_it(unit: Path, tmp_path: Path) -> None:
    for each in UNITS:  # a timer names its service
        text = each.read_text().replace("/opt/dcm/.venv/bin/python", sys.executable)
        (tmp_path / each.name).write_text(text)

    program = needed("systemd-analyze", "systemd")
    done = subprocess.run(
        [program, "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_it_is_tightly_fenced_in(unit: Path) -> None:
    program = needed("systemd-analyze", "systemd")
    command = [program, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_its_command_is_one_of_ours(unit: Path, tmp_path: Path) -> None:
    (command,) = re.findall(r"^ExecStart=\S+ (manage.py \w+)", unit.read_text(), re.MULTILINE)

    helped = subprocess.run(
        [sys.executable, *command.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={"PATH": os.defpath, "DCM_HOME": str(tmp_path)},
    )

    assert helped.returncode == 0, helped.stderr


FENCED = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit("prctl")
os.execv(sys.executable, [sys.executable, "manage.py", "serve", "--workers", "2"])
"""
"""PR_SET_MDWE, refuse gaining the right to run: what MemoryDenyWriteExecute asks of the kernel."""


def test_the_server_needs_no_memory_that_is_both_written_and_run(home: Path) -> None:
    variables = environment(home)
    with subprocess.Popen(
        [sys.executable, "-c", FENCED],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        printed = ""
        for line in serving.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        if "prctl" in printed:
            pytest.skip("this kernel is older than 6.3")
        assert "DCM is running in 2 processes" in printed
        url = f"http://127.0.0.1:{variables['PORT']}"
        made = httpx.post(f"{url}/api/projects", json={"path": "/srv/shop"})
        serving.send_signal(signal.SIGTERM)
        serving.stdout.read()

    assert (made.status_code, serving.returncode) == (201, 0)
