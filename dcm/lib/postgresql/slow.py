"""Statements that take long are logged: their text, never their parameters."""

import logging
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from django.conf import settings

from dcm.lib.logs import fields

logger = logging.getLogger("dcm.database")

LONGEST = 2_000


def timed(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Django's hook around each statement of a cursor."""
    began = perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        note([sql], perf_counter() - began)


def note(statements: Iterable[Any], seconds: float) -> None:
    """These, sent together, took so long."""
    if 0 < settings.SLOW_QUERY_SECONDS <= seconds:
        text = " ".join("; ".join(map(str, statements)).split())[:LONGEST]
        logger.warning("slow query", extra=fields(ms=round(seconds * 1000), sql=text))
