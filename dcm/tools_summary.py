"""How many tools an agent host has installed, by its folder. Contract: rest 6.5."""

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KEPT_SECONDS = 300

_lock = threading.Lock()
_kept: dict[Path, tuple[float, dict[str, Any]]] = {}


def summary(root: Path) -> dict[str, Any]:
    """{"skills", "commands", "workflows", "plugins", "cached_at", "from_cache"}.

    Counted anew when the last count is five minutes old.
    """
    with _lock:
        counted_at, counts = _kept.get(root, (float("-inf"), {}))
        from_cache = time.monotonic() - counted_at < KEPT_SECONDS
        if not from_cache:
            counts = {**count_tools(root), "cached_at": datetime.now(UTC)}
            _kept[root] = (time.monotonic(), counts)
    return {**counts, "from_cache": from_cache}


def count_tools(root: Path) -> dict[str, int]:
    """Each is 0 when its folder or file is missing or cannot be read."""
    return {
        "skills": sum(_is_skill(entry) for entry in _entries(root / "skills")),
        "commands": _count_commands(root / "commands"),
        "workflows": sum(
            _is_file(entry, ".yaml") for entry in _entries(root / "skills/workflow/templates")
        ),
        "plugins": _count_plugins(root / "plugins/installed_plugins.json"),
    }


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _is_skill(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False) and any(
        inner.name == "SKILL.md" for inner in _entries(Path(entry.path))
    )


def _is_file(entry: "os.DirEntry[str]", suffix: str) -> bool:
    return entry.is_file(follow_symlinks=False) and entry.name.endswith(suffix)


def _count_commands(folder: Path) -> int:
    count = 0
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            count += _count_commands(Path(entry.path))
        else:
            count += _is_file(entry, ".md")
    return count


def _count_plugins(path: Path) -> int:
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return 0
    plugins = known.get("plugins") if isinstance(known, dict) else None
    counted = plugins if isinstance(plugins, dict | list) else known
    return len(counted) if isinstance(counted, dict | list) else 0
