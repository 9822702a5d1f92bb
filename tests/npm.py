"""Packages from npm, for tests that drive published clients in Node."""

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


@functools.cache
def installed(manifest: Path) -> Path:
    """A folder with these packages, installed once and kept outside of the repository."""
    if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
        pytest.skip(f"the published client needs {' and '.join(missing)}, not found on PATH")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dcm-tests"
    folder = cache / f"npm-{hashlib.sha256(manifest.read_bytes()).hexdigest()[:16]}"
    if not folder.exists():
        _install(manifest, folder)
    return folder


def _install(manifest: Path, folder: Path) -> None:
    """Whole or not at all: an install that breaks off, or another run's, leaves no half of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        shutil.copy(manifest, unfinished)
        # Some name typescript as a peer, which only their types need.
        npm = ["npm", "install", "--no-audit", "--no-fund", "--legacy-peer-deps"]
        done = subprocess.run(
            npm, cwd=unfinished, capture_output=True, text=True, timeout=100, check=False
        )
        if done.returncode:
            pytest.fail(f"npm could not install {manifest}: {done.stderr[-2000:]}")
        with contextlib.suppress(OSError):  # another run was first
            Path(unfinished).rename(folder)
