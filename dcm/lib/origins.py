"""Pages of other sites, told by the Origin that browsers send; other clients send none."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def is_foreign(scope: Any) -> bool:
    """Whether a page of another site asks. Origin passes by the same list as Host."""
    origin = dict(scope["headers"]).get(b"origin")
    if origin is None:
        return False
    try:
        host = urlsplit(origin.decode("latin-1")).netloc
    except ValueError:
        return True
    return not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
