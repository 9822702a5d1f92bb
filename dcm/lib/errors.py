"""What a service may refuse, in words that every transport can repeat."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.db import InterfaceError, OperationalError

Details = Mapping[str, Sequence[str]]


class DomainError(Exception):
    """A request that cannot be carried out as asked; the caller can mend it.

    Services define subclasses beside the functions that raise them. `message` is the `error`
    text on the wire, `status` the HTTP status, `extra` further keys of the envelope, `retry_after`
    the seconds after which it is worth another try.
    """

    message: ClassVar[str] = "Request failed"
    status: ClassVar[int] = 400
    retry_after: int | None = None

    def __init__(self, text: str | None = None, /, **extra: Any) -> None:
        self.text = self.message if text is None else text
        self.extra = extra
        super().__init__(self.text)


class NotFound(DomainError):
    """No such row. Subclasses say which: "Project not found"."""

    message = "Not Found"
    status = 404


class Malformed(DomainError):
    """A request that is not even HTTP as it should be."""

    message = "Bad Request"


class Forbidden(DomainError):
    message = "Forbidden"
    status = 403


class Conflict(DomainError):
    status = 409


class ValidationFailed(DomainError):
    """The body breaks the contract. details: field -> texts. Contract: rest 1.2."""

    message = "Validation failed"

    def __init__(self, details: Details, *, message: str | None = None) -> None:
        first = next(iter(details), None)
        summary = {"message": message or f"Invalid {first}"} if message or first else {}
        super().__init__(details={k: list(v) for k, v in details.items()}, **summary)


class InvalidQuery(ValidationFailed):
    """The same for query parameters. Contract: rest 1.2."""

    message = "Invalid query parameters"


class NoUpdate(DomainError):
    message = "No update fields provided"


class InvalidJson(DomainError):
    """The body is no JSON. Contract: rest R03."""

    message = "Invalid JSON body"


class BodyTooLarge(DomainError):
    message = "Request body too large"
    status = 413


class Overloaded(DomainError):
    """More work is waiting than the server will hold; try again in a moment."""

    message = "Server is busy"
    status = 503


class DatabaseUnavailable(DomainError):
    message = "Database unavailable"
    status = 503


RETRY_AFTER_SECONDS = 2
"""What replies with status 503 advise in Retry-After."""


def envelope(error: DomainError) -> dict[str, Any]:
    """The body of an error reply: {"error": ..., "details"?: ..., "message"?: ...}."""
    return {"error": error.text, **error.extra}


def is_unavailable(error: Exception) -> bool:
    """Whether the database could not do its work, as opposed to work it could not do.

    PostgreSQL's class 54 is about the latter: a value too large for an index, say.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    return not (getattr(error.__cause__, "sqlstate", None) or "").startswith("54")


def tellable(error: Exception) -> DomainError | None:
    """The error in words for whoever asked; None for a fault of ours, which the log is for."""
    if isinstance(error, DomainError):
        return error
    return DatabaseUnavailable() if is_unavailable(error) else None


@contextlib.contextmanager
def outliving(logger: logging.Logger, failure: str) -> Iterator[None]:
    """For work that a loop does again soon: no error ends the loop, and an outage is no news."""
    try:
        yield
    except Exception as error:
        if not is_unavailable(error):
            logger.exception(failure)
