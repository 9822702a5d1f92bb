"""Patterns of paths in a project, and whether two of them can name the same file. Pure.

Between slashes `*` is any text and `?` one character; `**` is any number of folders. All else
stands for itself: brackets are common in names of files. A pattern begins at the project, and names
what it matches and all below. Where file systems differ, two names are taken for one: letters that
differ in case, characters that are composed in another way.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from dcm.lib.errors import DomainError

LONGEST_PATTERN = 500
MOST_WILDCARDS = 16
ANY_FOLDERS = "**"


class InvalidPattern(DomainError):
    """Text: what is wrong with it."""

    message = "Invalid pattern"


def read_pattern(text: str, *, project_path: str) -> str:
    """The pattern as it is shown: from the project on, with single slashes. Raises InvalidPattern.

    Absolute ones are good when they lead into the project.
    """
    if len(text) > LONGEST_PATTERN:
        raise InvalidPattern(f"Invalid pattern: at most {LONGEST_PATTERN} characters")
    if not text.strip():
        raise InvalidPattern("Invalid pattern: it is empty")
    inside = _inside(_slashed(text), project_path)
    if inside is None:
        raise InvalidPattern(f"Invalid pattern: outside the project: {text}")
    segments = [each for each in inside.split("/") if each not in ("", ".")]
    if ".." in segments:
        raise InvalidPattern(f"Invalid pattern: it may not contain ..: {text}")
    pattern = "/".join(map(_tidy_segment, segments)) or ANY_FOLDERS
    if len(re.findall(r"[*?]+", pattern)) > MOST_WILDCARDS:
        raise InvalidPattern(f"Invalid pattern: at most {MOST_WILDCARDS} wildcards")
    return pattern


def path_in_project(path: str, *, project_path: str, folder: str) -> str | None:
    """The file from the project on, by its name alone; None when it is outside, or too long.

    path: absolute, or as seen from `folder`. Links are not followed: the disk may be elsewhere.
    """
    slashed = _slashed(path)
    whole = slashed if _is_absolute(slashed) else f"{_slashed(folder)}/{slashed}"
    inside = _inside(_resolved(whole), project_path)
    return inside if inside and len(inside) <= LONGEST_PATTERN else None


def key_of(pattern: str) -> str:
    """The pattern as it is compared: "" names everything."""
    segments: list[str] = []
    for segment in _folded(pattern).split("/"):
        if segment != ANY_FOLDERS or segments[-1:] != [ANY_FOLDERS]:
            segments.append(segment)
    # A pattern names all below what it matches anyway.
    while segments and segments[-1] == ANY_FOLDERS:
        segments.pop()
    return "/".join(segments)


def stem_of(key: str) -> str:
    """The folders that it begins with, up to the first that has a wildcard."""
    stem: list[str] = []
    for segment in key.split("/"):
        if "*" in segment or "?" in segment:
            break
        stem.append(segment)
    return "/".join(stem)


def above(path: str) -> list[str]:
    """The path itself and every folder that it is in, up to "", the project."""
    cuts = [place for place, character in enumerate(path) if character == "/"]
    return list(dict.fromkeys(["", *(path[:cut] for cut in cuts), path]))


def like_of(key: str) -> str:
    """For LIKE: finds every path that the key names, a slash behind it, and a few more."""
    escaped = re.sub(r"([%_\\])", r"\\\1", key)
    like = escaped.replace("**/", "*").replace("*", "%").replace("?", "_")
    return f"{like}/%" if key else "%"


def overlap(one: str, other: str, *, is_file: bool = False, other_is_file: bool = False) -> bool:
    """Whether there can be a path that both keys name. There is nothing below a file."""
    below = (not is_file, not other_is_file)
    return _meet(_segments(one), _segments(other), ANY_FOLDERS, _segments_meet, below=below)


def _segments(key: str) -> list[str]:
    return key.split("/") if key else []


@lru_cache(maxsize=4096)
def _segments_meet(one: str, other: str) -> bool:
    return one == other or _meet(one, other, "*", _characters_meet)


def _characters_meet(one: str, other: str) -> bool:
    return one == other or "?" in (one, other)


def _meet(
    one: Sequence[str],
    other: Sequence[str],
    wild: str,
    same: Callable[[str, str], bool],
    *,
    below: tuple[bool, bool] = (False, False),
) -> bool:
    """Whether both match one sequence; below: which of them go on beyond what they match."""
    seen: set[tuple[int, int]] = set()
    todo = [(0, 0)]
    while todo:
        place = todo.pop()
        if place in seen:
            continue
        seen.add(place)
        i, j = place
        ended, other_ended = i == len(one), j == len(other)
        if (ended and (other_ended or below[0])) or (other_ended and below[1]):
            return True
        if not ended and one[i] == wild:
            todo += [(i + 1, j)] if other_ended else [(i + 1, j), (i, j + 1)]
        elif not other_ended and other[j] == wild:
            todo += [(i, j + 1)] if ended else [(i, j + 1), (i + 1, j)]
        elif not ended and not other_ended and same(one[i], other[j]):
            todo.append((i + 1, j + 1))
    return False


# --- paths ------------------------------------------------------------------------------------

_DRIVE = re.compile(r"[A-Za-z]:")


def _slashed(path: str) -> str:
    return unicodedata.normalize("NFC", path.replace("\\", "/"))


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or _DRIVE.match(path) is not None


def _inside(path: str, project_path: str) -> str | None:
    """What follows the project's own path; None for what is outside it."""
    if not _is_absolute(path):
        return path
    root = _resolved(_slashed(project_path)).rstrip("/")
    tidied = re.sub("//+", "/", path)
    begins = _folded(f"{tidied}/").startswith(_folded(f"{root}/"))
    return tidied[len(root) :].strip("/") if begins else None


def _resolved(path: str) -> str:
    """Without "." and "..", which end at the top."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return ("/" if path.startswith("/") else "") + "/".join(kept)


def _tidy_segment(segment: str) -> str:
    stars = ANY_FOLDERS if len(segment) > 1 and not segment.strip("*") else "*"
    return re.sub(r"\*+", stars, segment)


def _folded(text: str) -> str:
    """Character by character, so that a place in the one is the same place in the other."""
    return "".join(
        lower if len(lower := character.lower()) == 1 else character for character in text
    )
