"""For work that many locks are needed for, in an order that nobody can know beforehand."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError

P = ParamSpec("P")
T = TypeVar("T")

DEADLOCK_DETECTED = "40P01"
MOST_TRIES = 3


def again_after_deadlock(transaction: Callable[P, T]) -> Callable[P, T]:
    """Call it again when the database ended it to resolve a deadlock. It must be a transaction."""

    @functools.wraps(transaction)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(MOST_TRIES - 1):
            try:
                return transaction(*args, **kwargs)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) != DEADLOCK_DETECTED:
                    raise
        return transaction(*args, **kwargs)

    return tried
