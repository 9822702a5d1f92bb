"""What git says of the repository in which we are, and its pre-commit hook."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

_MARK = "# Written by `dcm guard --install`; `dcm guard --uninstall` takes it away."
_SCRIPT = f"""#!/bin/sh
{_MARK}
dcm={{program}}
[ -x "$dcm" ] || dcm=dcm
command -v "$dcm" >/dev/null || exit 0
exec "$dcm" guard
"""
_OURS = re.compile(re.escape(_SCRIPT).replace(re.escape("{program}"), "[^\n]+"))


class GitFailed(Exception):
    """Text: why, in one line."""


class ForeignHook(Exception):
    """There is a pre-commit hook that somebody else wrote, or changed."""


def top() -> Path:
    """The folder of the working tree. Raises GitFailed."""
    return Path(_git("rev-parse", "--show-toplevel").rstrip("\n"))


def staged() -> list[str]:
    """Files that the next commit changes, adds or removes; of a renamed one both names.

    From the top on. Raises GitFailed.
    """
    names = _git("diff", "--cached", "--name-only", "--no-renames", "-z")
    return [name for name in names.split("\0") if name]


def install_hook() -> tuple[Path, bool]:
    """The hook, and whether it is new. Raises GitFailed, ForeignHook, OSError."""
    path = _hook_path()
    is_new = not os.path.lexists(path)
    if not is_new:
        _check_ours(path)
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    program = shlex.quote(str(Path(sys.argv[0]).absolute()))
    # "x": one that somebody makes at this moment is not written over, either.
    with path.open("x", encoding="utf-8", errors="surrogateescape") as hook:
        hook.write(_SCRIPT.format(program=program))
    path.chmod(0o755)
    return path, is_new


def remove_hook() -> Path | None:
    """Where it was; None when there was none. Raises GitFailed, ForeignHook, OSError."""
    path = _hook_path()
    if not os.path.lexists(path):
        return None
    _check_ours(path)
    path.unlink()
    return path


def _hook_path() -> Path:
    """Where git looks for it: worktrees share one, and core.hooksPath may lead elsewhere."""
    return Path(_git("rev-parse", "--git-path", "hooks/pre-commit").rstrip("\n")).absolute()


def _check_ours(path: Path) -> None:
    is_file = path.is_file() and not path.is_symlink()
    if not is_file or not _OURS.fullmatch(path.read_text("utf-8", errors="surrogateescape")):
        raise ForeignHook(str(path))


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError as error:
        raise GitFailed(f"git does not run: {error}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitFailed(said[0] if said else f"git ended with {done.returncode}")
    return os.fsdecode(done.stdout)
