"""The installed `dcm` as people run it, in a home folder of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("dcm")
PATIENCE_SECONDS = 60


@dataclass
class Done:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Dcm:
    """url: of the server. home: of the user. folder: where it is run."""

    url: str
    home: Path
    folder: Path
    more: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        given = {"DCM_URL": self.url, "HOME": str(self.home), "DCM_HOOK_TIMEOUT": "10"}
        return given | {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "ada"} | self.more

    def __call__(self, *arguments: str, stdin: str | None = None) -> Done:
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        """What it printed; it went well."""
        done = self(*arguments, stdin=stdin)
        assert (done.code, done.err) == (0, ""), done
        return done.out

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = self(*arguments, "--json")
        assert done.code == code, done
        return done.json()


def is_root() -> bool:
    return os.geteuid() == 0
