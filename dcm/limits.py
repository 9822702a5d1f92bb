"""Of a caller that is limited: whether what its request names is its own.

Selectors show such a caller only rows of its projects (dcm.lib.keys.limits); this is about what it
names: parents of new rows, sessions, and the agent that it speaks for.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from dcm.lib import wire
from dcm.lib.errors import Forbidden, NotFound
from dcm.lib.keys.callers import Caller
from projects.models import Project, Request, Subtask, Task
from projects.services.projects import tidy_path
from sessions_app.models import Session

Named = dict[str, Any]
WRITES = frozenset({"POST", "PUT", "PATCH"})


class BelongsNowhere(Forbidden):
    """Text: `This key is limited to projects: name one of them by project_id`."""


class NotYourAgent(Forbidden):
    """Text: `This key does not speak for agent web-1`."""


def named_by(
    request: HttpRequest, kwargs: Mapping[str, Any], *, each: str | None = None
) -> Iterator[Named]:
    """What a request names in its path, and in its body or, to read, its query.

    each: the name of a list in the body, of which every element counts by itself.
    """
    if request.method not in WRITES:
        yield {name: values[0] for name, values in request.GET.lists()} | dict(kwargs)
        return
    body = wire.load(request.body) if request.body else {}
    given = body if isinstance(body, dict) else {}
    several = given.get(each) if each else [given]
    for one in several if isinstance(several, list) else []:
        yield (one if isinstance(one, dict) else {}) | dict(kwargs)


def check_named(
    caller: Caller,
    named: Named,
    *,
    belongs_by: tuple[str, ...] = (),
    acts_as: tuple[str, ...] = (),
) -> None:
    """Raises NotFound for what is another project's, BelongsNowhere, NotYourAgent.

    belongs_by: a new row belongs to a project by one of these names. To be called in a thread that
    may use the database, with the caller as the current one.
    """
    for name in acts_as:
        agent_id = named.get(name)
        if isinstance(agent_id, str) and not caller.may_act_as(agent_id):
            raise NotYourAgent(f"This key does not speak for agent {agent_id[:200]}")
    if caller.projects is None:
        return
    own = [name for name in _FINDERS if _names_own(name, named.get(name), new=bool(belongs_by))]
    if belongs_by and not set(belongs_by) & set(own):
        wanted = " or ".join(belongs_by)
        raise BelongsNowhere(f"This key is limited to projects: name one of them by {wanted}")


def _names_own(name: str, value: object, *, new: bool) -> bool:
    """Whether the value names something of ours; false, too, when it names nothing.

    new: a session may be one that is not there yet. Raises NotFound.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        return False  # if that is wrong the view says so
    noun, is_own = _FINDERS[name]
    found = is_own(value)
    if found is False and not (new and name == "session_id" and _is_new_session(value)):
        raise NotFound(f"{noun} not found")
    return bool(found)


def _row(model: type[Model]) -> Callable[[str], bool | None]:
    def is_own(value: str) -> bool | None:
        key = wire.parse_uuid(value)
        return None if key is None else model._default_manager.filter(pk=key).exists()

    return is_own


def _is_own_path(path: str) -> bool:
    return Project.objects.filter(path=tidy_path(path)).exists()


def _is_own_session(session_id: str) -> bool:
    """By its row; while it has none, by its requests."""
    if Session._base_manager.filter(id=session_id).exists():
        return Session.objects.filter(id=session_id).exists()
    return Request.objects.filter(session_id=session_id).exists()


def _is_new_session(session_id: str) -> bool:
    return not Session._base_manager.filter(id=session_id).exists()


# Name -> what it names, and whether that is ours; None: it cannot name anything.
_FINDERS: dict[str, tuple[str, Callable[[str], bool | None]]] = {
    "project_id": ("Project", _row(Project)),
    "request_id": ("Request", _row(Request)),
    "task_id": ("Task", _row(Task)),
    "task_list_id": ("Task", _row(Task)),
    "subtask_id": ("Subtask", _row(Subtask)),
    "session_id": ("Session", _is_own_session),
    "path": ("Project", _is_own_path),
    "project_path": ("Project", _is_own_path),
    "cwd": ("Project", _is_own_path),
}
