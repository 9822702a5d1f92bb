"""The examples of client/README.md, as a reader runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.commands import PROGRAM, Dcm
from tests.conftest import Server

README = Path(__file__).parents[2] / "client" / "README.md"
TABLE = README.read_text().partition("## dcm\n")[2].partition("## dcm-hook")[0]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
OUTPUTS = [
    "Edit\n",
    "lead {'path': 'login.py'}\n",
    "400 Validation failed ",
    "message.new ",
]


COMMANDS = re.findall(r"^```sh\n(dcm .*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def test_every_command_is_listed(lonely_dcm: Dcm) -> None:
    listed = re.findall(r"`([a-z]+)`", "".join(re.findall(r"(?m)^\| (`.*?) \|", TABLE)))

    assert sorted(listed) == sorted(re.findall(r"(?m)^│ ([a-z]+) ", lonely_dcm.ok("--help")))


@pytest.mark.parametrize("example", COMMANDS)
async def test_the_commands_do_what_they_say(dcm: Dcm, example: str) -> None:
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", example],
        env=dcm.environment() | {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert "The form is ready to be tested" in done.stdout
    assert "The shop stays on port 8080" in done.stdout


@pytest.mark.parametrize(("example", "output"), list(zip(EXAMPLES, OUTPUTS, strict=True)))
async def test_an_example_does_what_it_says(server: Server, example: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        env={**os.environ, "DCM_URL": server.url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.startswith(output)
