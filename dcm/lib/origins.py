"""Which hosts are ours, and whose pages may call. Browsers say from where a page came; what is no
browser says nothing, and is let in by its key alone.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

ANY = "*"


def is_our_host(host: str) -> bool:
    return _is_one_of(host, tuple(settings.ALLOWED_HOSTS))


@lru_cache(maxsize=256)
def _is_one_of(host: str, allowed: tuple[str, ...]) -> bool:
    return validate_host(split_domain_port(host)[0], allowed)


def is_open_to_any_origin() -> bool:
    return ANY in settings.CORS_ORIGINS


def may_call(origin: str) -> bool:
    """Whether pages of this origin may: ours, and those that CORS_ORIGINS names."""
    return is_open_to_any_origin() or origin in settings.CORS_ORIGINS or _is_ours(origin)


def may_open_socket(origin: str) -> bool:
    """The same, but never any: browsers let any page read a socket that opens."""
    return origin in settings.CORS_ORIGINS - {ANY} or _is_ours(origin)


def header(scope: Any, name: bytes) -> str | None:
    """The first header of this name in an ASGI scope."""
    found: Iterable[bytes] = (value for each, value in scope["headers"] if each == name)
    value = next(iter(found), None)
    return None if value is None else value.decode("latin-1")


def _is_ours(origin: str) -> bool:
    try:
        return is_our_host(urlsplit(origin).netloc)
    except ValueError:
        return False
