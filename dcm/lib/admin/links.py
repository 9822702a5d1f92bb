"""Links between rows: up to the one that a column names, down to the list of those below."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import quote
from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from dcm.lib.admin.lists import MOST_BELOW
from dcm.lib.admin.text import inert


@dataclass(frozen=True)
class Up:
    """A column that holds the id of a row of `to`, "projects.project".

    text: the lookup of what names that row; else its id does. The links down follow from these.
    """

    to: str
    text: str | None = None


@dataclass(frozen=True)
class Down:
    """Rows of `child` that name a row of ours in `column`."""

    child: type[models.Model]
    column: str

    @property
    def name(self) -> str:
        return f"below_{self.child._meta.model_name}"

    @property
    def label(self) -> str:
        return str(self.child._meta.verbose_name_plural)

    def link(self, key: object, count: int) -> str:
        """To the list of them."""
        options = self.child._meta
        url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        text = f"{MOST_BELOW}+" if count > MOST_BELOW else str(count)
        return format_html(
            '<a href="{}?{}">{}</a>', url, urlencode({f"{self.column}__exact": str(key)}), text
        )


def link_up(up: Up, key: Any, text: object) -> object:
    if key is None:
        return None
    url = reverse(f"admin:{up.to.replace('.', '_')}_change", args=[quote(key)])
    return format_html('<a href="{}">{}</a>', url, inert(text))
