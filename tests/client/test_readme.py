"""The examples of client/README.md, as a reader runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Server

README = Path(__file__).parents[2] / "client" / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
OUTPUTS = [
    "Edit\n",
    "lead {'path': 'login.py'}\n",
    "400 Validation failed ",
    "message.new ",
]


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
