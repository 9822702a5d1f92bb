"""A settings file of somebody else: read strictly, changed by as little as can be, put back.

What the file was before is kept in the state folder of the user, so that uninstalling gives back
the very bytes, if nobody changed it meanwhile; else only what is ours is taken out.
"""

import contextlib
import difflib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcm_client.cli.install.hosts import is_ours

Json = dict[str, Any]


class CannotEdit(Exception):
    """The file is not what it should be; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """before, after: the contents; None: no file."""

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def is_none(self) -> bool:
        return self.before == self.after

    def diff(self) -> str:
        """Unified."""
        before, after = _lines(self.before), _lines(self.after)
        lines = difflib.unified_diff(before, after, str(self.path), str(self.path))
        return "".join(each if each.endswith("\n") else f"{each}\n" for each in lines)


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode(errors="replace").splitlines(keepends=True)


def installing(path: Path, groups: dict[str, Json]) -> Change:
    """What adding these hooks, and no others of ours, would change. Raises CannotEdit."""
    before = _read(path)
    settings = _parse(path, before)
    known = _without_ours(settings)
    hooks = known.setdefault("hooks", {})
    for event, group in groups.items():
        hooks.setdefault(event, []).append(group)
    after = before if known == settings else _dump(known, like=before)
    return Change(path=path, before=before, after=after)


def uninstalling(path: Path) -> Change:
    """What taking our hooks out would change. Raises CannotEdit."""
    before = _read(path)
    kept = _kept(path)
    if kept is not None and before is not None and kept["after"] == _digest(before):
        original = kept["before"]
        after = None if original is None else original.encode()
    else:
        settings = _parse(path, before)
        known = _without_ours(settings)
        after = before if known == settings else _dump(known, like=before)
    return Change(path=path, before=before, after=after)


def install(change: Change) -> Path:
    """Write it, and keep what was there; where that is. Raises CannotEdit."""
    kept = _kept(change.path)
    original: str | None = change.before.decode() if change.before is not None else None
    made: list[str] = [] if change.path.parent.exists() else [str(change.path.parent)]
    if kept is not None and change.before is not None:
        if kept["after"] == _digest(change.before):
            original, made = kept["before"], kept["made"]
        else:
            # Changed since: what is given back is that change without ours.
            stripped = _without_ours(_parse(change.path, change.before))
            original = _dump(stripped, like=change.before).decode()
    record = {
        "path": str(change.path),
        "before": original,
        "after": _digest(change.after or b""),
        "made": made,
    }
    backup = _record_path(change.path)
    _write(backup, json.dumps(record, indent=1).encode())
    _write(change.path, change.after or b"")
    return backup


def uninstall(change: Change) -> None:
    """Raises CannotEdit."""
    kept = _kept(change.path)
    if change.after is None:
        with contextlib.suppress(FileNotFoundError):
            change.path.unlink()
        for folder in kept["made"] if kept else ():
            with contextlib.suppress(OSError):  # somebody else uses it now
                Path(folder).rmdir()
    elif not change.is_none:
        _write(change.path, change.after)
    with contextlib.suppress(FileNotFoundError):
        _record_path(change.path).unlink()


def registered(path: Path) -> dict[str, list[Json]]:
    """Event -> our handlers in this file. Raises CannotEdit."""
    hooks = _parse(path, _read(path)).get("hooks", {})
    return {
        event: found
        for event, groups in hooks.items()
        if (
            found := [
                handler for group in groups for handler in _handlers(group) if is_ours(handler)
            ]
        )
    }


def read_settings(path: Path) -> Json:
    """{} without a file. Raises CannotEdit."""
    return _parse(path, _read(path))


# --- contents -----------------------------------------------------------------------------------


def _parse(path: Path, content: bytes | None) -> Json:
    if content is None or not content.strip():
        return {}
    try:
        settings = json.loads(content.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise CannotEdit(f"{path} is not JSON that can be edited: {error}") from None
    hooks = settings.get("hooks", {}) if isinstance(settings, dict) else None
    if not isinstance(hooks, dict) or not all(isinstance(each, list) for each in hooks.values()):
        raise CannotEdit(f"{path} does not look like settings with hooks")
    assert isinstance(settings, dict)
    return settings


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return members


def _without_ours(settings: Json) -> Json:
    """A copy; what becomes empty by it goes, what was empty stays."""
    hooks = settings.get("hooks", {})
    kept = {event: list(_other_groups(groups)) for event, groups in hooks.items()}
    left = {event: groups for event, groups in kept.items() if groups or not hooks[event]}
    others = {name: value for name, value in settings.items() if name != "hooks"}
    if "hooks" not in settings or (hooks and not left):
        return others
    return {name: left if name == "hooks" else value for name, value in settings.items()}


def _other_groups(groups: list[Any]) -> Iterable[Any]:
    for group in groups:
        handlers = _handlers(group)
        others = [handler for handler in handlers if not is_ours(handler)]
        if len(others) == len(handlers):
            yield group
        elif others:
            yield {**group, "hooks": others}


def _handlers(group: object) -> list[Any]:
    handlers = group.get("hooks") if isinstance(group, dict) else None
    return handlers if isinstance(handlers, list) else []


def _dump(settings: Json, *, like: bytes | None) -> bytes:
    """Indented as the file was."""
    was = (like or b"").decode()
    found = re.match(r"\s*\{\r?\n([ \t]+)\"", was)
    text = json.dumps(settings, indent=found[1] if found else 2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, escaped
        text = json.dumps(settings, indent=found[1] if found else 2)
    if not was or was.endswith("\n"):
        text += "\n"
    return (text.replace("\n", "\r\n") if "\r\n" in was else text).encode()


# --- files --------------------------------------------------------------------------------------


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotEdit(f"{path} cannot be read: {error.strerror}") from None


def _write(path: Path, content: bytes) -> None:
    """All or nothing; through symbolic links, and with the permissions that it had."""
    target = path.resolve()
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o600
        number, temporary = tempfile.mkstemp(dir=target.parent, prefix=".dcm-")
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise CannotEdit(f"{path} cannot be written: {error.strerror}") from None


def _record_path(path: Path) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]
    return Path(state) / "dcm/installed" / f"{name}.json"


def _kept(path: Path) -> Json | None:
    try:
        kept: Json = json.loads(_record_path(path).read_bytes())
        assert kept.keys() == {"path", "before", "after", "made"}
    except (OSError, ValueError, AssertionError, AttributeError):
        return None
    return kept


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
