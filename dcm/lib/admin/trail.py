"""The rows above a row, for the breadcrumbs of its page."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import quote
from django.db import models
from django.urls import reverse

from dcm.lib.admin.links import Up
from dcm.lib.admin.lists import beginning
from dcm.lib.admin.text import inert

MOST_LEVELS = 6


@dataclass(frozen=True)
class Above:
    """One of them. noun: what kind of row it is."""

    url: str
    text: str
    noun: str


def trail(row: models.Model, admins: dict[type[models.Model], Any]) -> list[Above]:
    """From the top down to the row above this one: one question a level.

    The first of the columns that a list names as `up` says which one that is.
    """
    levels: list[Above] = []
    step = _step(row, admins)
    while step and len(levels) < MOST_LEVELS:
        up, key = step
        parent = _parent(up, key, admins)
        if parent is None:
            break
        levels.append(_above(parent))
        step = _step(parent, admins)
    return levels[::-1]


def _step(row: models.Model, admins: dict[type[models.Model], Any]) -> tuple[Up, Any] | None:
    """Where the row above is, if there is one."""
    ups = getattr(admins.get(type(row)), "up", None) or {}
    for name, up in ups.items():
        field: Any = row._meta.get_field(name)
        key = getattr(row, field.attname)
        return None if key is None else (up, key)
    return None


def _parent(up: Up, key: Any, admins: dict[type[models.Model], Any]) -> models.Model | None:
    (model,) = (each for each in admins if each._meta.label_lower == up.to)
    columns = {model._meta.pk.name, *list(getattr(admins[model], "up", {}))[:1]}
    text = up.text.split("__", 1)[1] if up.text else model._meta.pk.name
    rows = model._default_manager.filter(pk=key).only(*columns)
    found: models.Model | None = rows.annotate(trail_text=beginning(text)).first()
    return found


def _above(row: Any) -> Above:
    options = row._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[quote(row.pk)])
    return Above(url, inert(row.trail_text or row.pk), str(options.verbose_name))
