import getpass
import logging
from typing import Any

from dcm.lib.audit.models import AuditEntry

logger = logging.getLogger("dcm.audit")


def note(act: str, *, by: str, about: str, **details: Any) -> None:
    """Record an act, in the caller's transaction if there is one, and in the log.

    act: what was done, such as `apikey.create`. details: JSON values.
    """
    AuditEntry.objects.create(act=act, by=by, about=about, details=details)
    logger.info("%s by %s: %s", act, by, about)


def at_the_command_line() -> str:
    """Who does what a command does."""
    try:
        return f"{getpass.getuser()} on the command line"
    except (KeyError, OSError):  # a container may have no name for its user
        return "the command line"
