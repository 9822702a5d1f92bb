"""Which files an agent has in hand, and who else has. Contract: context-briefs 5.2, 5.3."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sessions_app.briefs import weights
from sessions_app.briefs.budget import mark
from sessions_app.briefs.items import LONGEST_CONTENT, LONGEST_ID, Item, elapsed, one_line
from sessions_app.briefs.material import Call, Material, Touch, Wanted
from sessions_app.briefs.weights import Weights

MOST_IN_HAND = 8
MOST_CHANGED = 40
MOST_OF_OTHERS = 10
_KINDS_OF_CHANGE = (
    (("write", "create"), "created"),
    (("edit", "update"), "modified"),
    (("delete", "remove"), "deleted"),
)


def file_items(wanted: Wanted, material: Material, weigh: Weights, now: datetime) -> dict[str, Any]:
    """files: in hand, newest first. earlier: also changed by the agent. conflicts: others at the
    same. elsewhere: what others changed. changes: for a review, with the kind of change."""
    root = f"{material.project.path.rstrip('/')}/" if material.project else ""
    own = {touch.path: touch for touch in material.touches if touch.is_own}
    in_hand = _paths(material.history)[:MOST_IN_HAND]
    files = [_item(own.get(path), path, "", weigh, place) for place, path in enumerate(in_hand)]
    changed = [path for path, touch in own.items() if touch.is_changed and path not in in_hand]
    changed += [path for path in _before(wanted) if path not in own and path not in in_hand]
    earlier = [
        _item(own.get(path), path, root, weigh, len(in_hand) + place)
        for place, path in enumerate(changed[:MOST_CHANGED])
    ]
    names = [*in_hand, *changed]
    return {
        "files": files,
        "earlier": earlier,
        "test_files": [one_line(path, LONGEST_CONTENT) for path in names if _is_test(path)],
        "changes": _changes(material.history),
        "conflicts": _conflicts(material.touches, own, root, now),
        "elsewhere": [
            _of_other(touch, root, weigh.file_of_others(touch), now)
            for touch in material.touches
            if touch.is_changed and not touch.is_own and touch.path not in own
        ][:MOST_OF_OTHERS],
    }


def _paths(history: Sequence[Call]) -> list[str]:
    return list(dict.fromkeys(path for call in history for path in call.file_paths))


def _before(wanted: Wanted) -> list[str]:
    """What the agent had changed by its last compaction, however long ago."""
    return wanted.snapshot["files"] if wanted.snapshot else []


def _item(touch: Touch | None, path: str, root: str, weigh: Weights, place: int) -> Item:
    relevance = weigh.own_file(touch, place) if touch else weights.NOTE
    return {
        "mark": mark(relevance),
        "path": one_line(path.removeprefix(root), LONGEST_CONTENT),
        "is_changed": touch is not None and touch.is_changed,
        "times": touch.times if touch else 0,
    }


def _conflicts(
    touches: Sequence[Touch], own: dict[str, Touch], root: str, now: datetime
) -> list[Item]:
    """Others that are at work and lately changed a file that the agent changed, too."""
    return [
        _of_other(touch, root, weights.CONFLICT, now)
        for touch in touches
        if not touch.is_own
        and touch.is_changed
        and touch.is_at_work
        and touch.path in own
        and own[touch.path].is_changed
    ]


def _of_other(touch: Touch, root: str, relevance: float, now: datetime) -> Item:
    return {
        "mark": mark(relevance),
        "path": one_line(touch.path.removeprefix(root), LONGEST_CONTENT),
        "by": one_line(touch.agent, LONGEST_ID),
        "ago": elapsed(now, touch.touched_at),
    }


def _is_test(path: str) -> bool:
    return "test" in path.lower()


def _changes(history: Sequence[Call]) -> list[Item]:
    """Files and what became of them, newest first; of several kinds of change the oldest counts."""
    kinds: dict[str, str] = {}
    for call in history:
        kind = _kind_of_change(call.tool_name)
        for path in call.file_paths:
            if path not in kinds or kind != "read":
                kinds[path] = kind
    return [
        {
            "mark": mark(0.35 if kind == "read" else 0.78),
            "file": one_line(path, LONGEST_CONTENT),
            "kind": kind,
        }
        for path, kind in kinds.items()
    ]


def _kind_of_change(tool_name: str) -> str:
    name = tool_name.lower()
    for words, kind in _KINDS_OF_CHANGE:
        if any(word in name for word in words):
            return kind
    return "read"
