"""Earlier work of the project that the present request reminds of, in this session or another."""

import logging
import re

from django.db import DatabaseError

from sessions_app import search
from sessions_app.briefs.material import Found, Material
from sessions_app.briefs.rank import is_telling, words_of

logger = logging.getLogger("dcm.briefs")

MOST_WORDS = 8
MOST_LOOKED_AT = 12
MOST_RECALLED = 3
LEAST_IN_COMMON = 2
KINDS = ("subtask", "decision")
_WORD = re.compile(r"[^\W\d_]{4,40}")


def recall(material: Material) -> list[Found]:
    """The best few subtasks and decisions of before the request, with two words of it at least."""
    request, project = material.request, material.project
    if request is None or project is None:
        return []
    asked = _words(request.prompt)
    if len(asked) < LEAST_IN_COMMON:
        return []
    try:
        found, _ = search.search(
            search.Wanted(
                text=" or ".join(asked),
                kinds=KINDS,
                project_id=project.id,
                until=request.created_at,
                limit=MOST_LOOKED_AT,
            )
        )
    except DatabaseError:
        logger.warning("nothing recalled", exc_info=True)  # the brief matters more
        return []
    known = {str(task.id) for task in (*material.tasks, *material.team)}
    known |= {each.id for each in material.decisions}
    wanted = words_of(" ".join(asked))
    recalled = [
        Found(id=each.id, kind=each.kind, text="".join(part.text for part in each.excerpt))
        for each in found
        if each.id not in known
    ]
    alike: dict[str, Found] = {}  # what is done again and again is told once
    for each in recalled:
        if len(words_of(each.text) & wanted) >= LEAST_IN_COMMON:
            alike.setdefault(each.text, each)
    return [*alike.values()][:MOST_RECALLED]


def _words(prompt: str) -> list[str]:
    """The longest are mostly the most telling."""
    words = dict.fromkeys(word.lower() for word in _WORD.findall(prompt[:2_000]))
    return sorted(filter(is_telling, words), key=len, reverse=True)[:MOST_WORDS]
