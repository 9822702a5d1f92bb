"""What the admin of every app is made of: rows, their links, and changes through services."""

from dcm.lib.admin.links import Up
from dcm.lib.admin.rows import RowAdmin
from dcm.lib.admin.text import inert

__all__ = ["RowAdmin", "Up", "inert"]
